//! `rumqttc`, 3.1.1 and 5, against the listener.

use std::time::Duration;

use gengfu_ingest::mqtt::{CommandOutcome, CommandQos};
use gengfu_model::MessageKey;
use rumqttc::v5;

use crate::harness::{Gateway, T0, command, soon, token};
use crate::raw::TELEMETRY;

fn client_v3(gateway: &Gateway, clean: bool) -> (rumqttc::AsyncClient, rumqttc::EventLoop) {
    let mut options = rumqttc::MqttOptions::new("rumqttc-a", "127.0.0.1", gateway.addr.port());
    options.set_credentials("a", token("a")).set_clean_session(clean).set_keep_alive(Duration::from_secs(30));
    rumqttc::AsyncClient::new(options, 100)
}

fn client_v5(gateway: &Gateway) -> (v5::AsyncClient, v5::EventLoop) {
    let mut options = v5::MqttOptions::new("rumqttc-a", "127.0.0.1", gateway.addr.port());
    options.set_credentials("a", token("a")).set_keep_alive(Duration::from_secs(30));
    v5::AsyncClient::new(options, 100)
}

/// Polls until `count` packets were acknowledged to the end.
async fn acknowledged_v3(events: &mut rumqttc::EventLoop, count: usize) {
    use rumqttc::{Event, Packet};
    let mut done = 0;
    while done < count {
        let event = soon("an event", events.poll()).await.unwrap();
        done += usize::from(matches!(event, Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_))));
    }
}

#[tokio::test]
async fn rumqttc_3_publishes_with_every_qos() {
    use rumqttc::QoS;
    let gateway = Gateway::start().await;
    let (client, mut events) = client_v3(&gateway, true);
    for (n, qos) in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce].into_iter().enumerate() {
        client.publish(TELEMETRY, qos, false, format!("{n}")).await.unwrap();
    }
    acknowledged_v3(&mut events, 2).await;
    let messages = gateway.journal.messages(3).await;
    let payloads: Vec<&[u8]> = messages.iter().map(|message| &*message.payload).collect();
    assert_eq!(payloads, [b"0", b"1", b"2"]);
}

#[tokio::test]
async fn rumqttc_3_receives_commands() {
    use rumqttc::{Event, Packet, QoS};
    let mut gateway = Gateway::start().await;
    let (client, mut events) = client_v3(&gateway, false);
    client.subscribe("v1/devices/me/commands", QoS::ExactlyOnce).await.unwrap();
    loop {
        if let Event::Incoming(Packet::SubAck(ack)) = soon("SUBACK", events.poll()).await.unwrap() {
            assert_eq!(ack.return_codes, [rumqttc::SubscribeReasonCode::Success(QoS::AtLeastOnce)]);
            break;
        }
    }
    gateway.commands.send(command("a", "c1", CommandQos::AtLeastOnce), T0).unwrap();
    let polling = async {
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.unwrap() {
                assert_eq!(
                    (&*publish.topic, &publish.payload[..]),
                    ("v1/devices/me/commands", &b"{\"id\":\"c1\"}"[..])
                );
            }
        }
    };
    tokio::select! {
        () = polling => {}
        report = soon("a report", gateway.reports.recv()) => {
            assert_eq!(report.unwrap().outcome, CommandOutcome::Acknowledged);
        }
    }
}

#[tokio::test]
async fn rumqttc_3_sees_why_it_is_refused() {
    let gateway = Gateway::start().await;
    let mut options = rumqttc::MqttOptions::new("x", "127.0.0.1", gateway.addr.port());
    options.set_credentials("a", "wrong");
    let (_client, mut events) = rumqttc::AsyncClient::new(options, 10);
    let error = soon("an error", events.poll()).await.unwrap_err();
    let refused = rumqttc::ConnectReturnCode::BadUserNamePassword;
    assert!(matches!(error, rumqttc::ConnectionError::ConnectionRefused(code) if code == refused), "{error:?}");
}

#[tokio::test]
async fn rumqttc_5_publishes_with_every_qos_and_a_message_id() {
    use v5::mqttbytes::QoS;
    use v5::mqttbytes::v5::{Packet, PublishProperties};
    let gateway = Gateway::start().await;
    let (client, mut events) = client_v5(&gateway);
    for (n, qos) in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce].into_iter().enumerate() {
        let properties = PublishProperties {
            user_properties: vec![("message-id".to_owned(), format!("m{n}"))],
            ..PublishProperties::default()
        };
        client.publish_with_properties(TELEMETRY, qos, false, format!("{n}"), properties).await.unwrap();
    }
    let mut done = 0;
    while done < 2 {
        let event = soon("an event", events.poll()).await.unwrap();
        done += usize::from(matches!(event, v5::Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_))));
    }
    let messages = gateway.journal.messages(3).await;
    assert_eq!(messages[2].key, MessageKey::Explicit("m2".into()));
}

#[tokio::test]
async fn rumqttc_5_sees_refusals_in_its_acknowledgements() {
    use v5::mqttbytes::QoS;
    use v5::mqttbytes::v5::{Packet, PubAckReason, SubscribeReasonCode};
    let gateway = Gateway::start().await;
    let (client, mut events) = client_v5(&gateway);
    client.subscribe("v1/devices/b/commands", QoS::AtLeastOnce).await.unwrap();
    client.publish("v1/devices/b/telemetry", QoS::AtLeastOnce, false, "{}").await.unwrap();
    let (mut subscribe, mut publish) = (None, None);
    while subscribe.is_none() || publish.is_none() {
        match soon("an event", events.poll()).await {
            Ok(v5::Event::Incoming(Packet::SubAck(ack))) => subscribe = Some(ack.return_codes[0]),
            Ok(v5::Event::Incoming(Packet::PubAck(ack))) => publish = Some(ack.reason),
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((subscribe, publish), (Some(SubscribeReasonCode::NotAuthorized), Some(PubAckReason::NotAuthorized)));
}

#[tokio::test]
async fn rumqttc_3_keeps_a_hundred_messages_in_flight() {
    use rumqttc::QoS;
    let gateway = Gateway::start().await;
    let (client, mut events) = client_v3(&gateway, true);
    let sending = tokio::spawn(async move {
        for n in 0..300 {
            let qos = if n % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
            client.publish(TELEMETRY, qos, false, format!("{n}")).await.unwrap();
        }
        client
    });
    acknowledged_v3(&mut events, 300).await;
    sending.await.unwrap();
    let messages = gateway.journal.messages(300).await;
    assert_eq!(messages.len(), 300);
    assert!((0..300).all(|n| *messages[n].payload == *n.to_string().as_bytes()), "in the order of arrival");
}
