//! A series store in memory, for tests and for replays whose points nobody wants to keep.

use std::collections::BTreeMap;

use gengfu_model::{DeviceId, FieldId, Kind, Point, Seq, Timestamp, Value};

use super::{Bucket, SeriesError, SeriesStore};

/// Points by device, field and time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemorySeries {
    points: BTreeMap<(DeviceId, FieldId, Timestamp), (Seq, Value)>,
}

impl SeriesStore for MemorySeries {
    fn write(&mut self, points: &[Point]) -> Result<(), SeriesError> {
        for point in points {
            let key = (point.device.clone(), point.field, point.time);
            let stored = self.points.entry(key).or_insert_with(|| (point.seq, point.value.clone()));
            if point.seq > stored.0 {
                *stored = (point.seq, point.value.clone());
            }
        }
        Ok(())
    }

    fn range(
        &self,
        device: &DeviceId,
        _kind: Kind,
        field: FieldId,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Timestamp, Value)>, SeriesError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let keys = (device.clone(), field, from)..(device.clone(), field, to);
        Ok(self.points.range(keys).take(limit).map(|((_, _, time), (_, value))| (*time, value.clone())).collect())
    }

    fn buckets(
        &self,
        device: &DeviceId,
        kind: Kind,
        field: FieldId,
        from: Timestamp,
        to: Timestamp,
        every_ms: i64,
    ) -> Result<Vec<Bucket>, SeriesError> {
        let mut buckets: Vec<Bucket> = Vec::new();
        for (time, value) in self.range(device, kind, field, from, to, usize::MAX)? {
            let number = match value {
                Value::Number(number) => number,
                Value::Bool(yes) => f64::from(u8::from(yes)),
                Value::Text(_) => continue,
            };
            let start = Timestamp(time.as_millis().div_euclid(every_ms) * every_ms);
            match buckets.last_mut().filter(|bucket| bucket.time == start) {
                Some(bucket) => {
                    bucket.min = bucket.min.min(number);
                    bucket.max = bucket.max.max(number);
                    bucket.mean += (number - bucket.mean) / (bucket.count + 1) as f64;
                    bucket.last = number;
                    bucket.count += 1;
                }
                None => {
                    buckets.push(Bucket { time: start, min: number, max: number, mean: number, last: number, count: 1 })
                }
            }
        }
        Ok(buckets)
    }

    fn retain(&mut self, before: Timestamp) -> Result<(), SeriesError> {
        self.points.retain(|(_, _, time), _| *time >= before);
        Ok(())
    }
}
