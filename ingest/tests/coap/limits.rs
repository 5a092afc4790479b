//! When the journal is full or gone, and the limits of each source.

use coap_lite::CoapOption;
use gengfu_ingest::coap::Options;

use crate::packets::{Client, Message, serve, value};
use crate::push_support::{FakeJournal, wait_for};

#[tokio::test]
async fn when_the_journal_is_full_or_gone_it_says_when_to_try_again() {
    let journal = FakeJournal::start(1);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let client = Client::of(&gateway).await;
    journal.hold();
    client.send(&Message::good(1).bytes()).await;
    journal.takes(1).await;
    client.send(&Message::good(2).bytes()).await;
    let refused = client.ask(&Message::good(3)).await;
    assert_eq!((refused.code.as_str(), refused.message_id), ("5.03", 3));
    assert_eq!(refused.number(CoapOption::MaxAge), Some(5));
    assert_eq!(journal.refusals(), [("full".to_owned(), 1)]);
    journal.release();
    assert_eq!((client.receive().await.message_id, client.receive().await.message_id), (1, 2));
    // The refused one comes again under a new id.
    assert_eq!(client.code(&Message::good(4)).await, "2.04");
    assert_eq!(journal.messages().len(), 3);
    let intake = journal.stop().await;
    let refused = client.ask(&Message::good(5)).await;
    assert_eq!((refused.code.as_str(), refused.number(CoapOption::MaxAge)), ("5.03", Some(5)));
    assert_eq!(intake.refusals().take()[0].reason, "stopping");
}

#[tokio::test]
async fn each_source_has_its_limits() {
    let journal = FakeJournal::start(16);
    let options = Options { source_burst: 3, source_rate_per_s: 0, max_pending_per_source: 2, ..Options::default() };
    let gateway = serve(journal.intake.clone(), options).await;
    let client = Client::of(&gateway).await;
    journal.hold();
    for id in 1..=2 {
        client.send(&Message::good(id).bytes()).await;
    }
    assert_eq!(client.code(&Message::good(3)).await, "5.03");
    let too_fast = client.ask(&Message::good(4)).await;
    assert_eq!((too_fast.code.as_str(), too_fast.number(CoapOption::MaxAge)), ("4.29", Some(1)));
    // Others are not affected.
    let other = Client::of(&gateway).await;
    other.send(&Message::good(1).bytes()).await;
    wait_for("three messages on their way", || value(&gateway.metrics.submitted) == 3).await;
    journal.release();
    assert_eq!(other.receive().await.code, "2.04");
}
