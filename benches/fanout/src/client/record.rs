//! What every frame is held against.
//!
//! The first listener who hears a message appends it to what its room has said. Every other listener's frames must equal
//! that, byte for byte and place for place; so all hear one order. And a sender's messages must be appended as 0, 1, 2, …,
//! so that order is the sender's own. At the end of a slice every listener must have heard all that was said, and all
//! that was sent must have been said.

use super::{
    faults::Faults,
    histogram::Histogram,
    message::{self, Stamp},
};

/// Who listens, and how far it has heard.
pub(super) struct Listener {
    pub(super) id: u32,
    pub(super) room: usize,
    /// The place of the message it must hear next; `None` until the first, for who joins during a slice.
    pub(super) at: Option<usize>,
    /// When it joined: what was sent before is replayed to it, and says nothing about latency.
    pub(super) since: u64,
}

/// What was taken of some input.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) bytes: usize,
    /// How many of the frames were the listener's own messages, come back.
    pub(super) own: u32,
}

pub(super) struct Record {
    slice: u32,
    /// Bytes of a chat frame.
    frame: usize,
    rooms: Vec<Said>,
    senders: Vec<Sender>,
    pub(super) latencies: Histogram,
    /// From connecting to the answer.
    pub(super) joins: Histogram,
    pub(super) delivered: u64,
    pub(super) faults: Faults,
}

/// What a room has said in this slice.
#[derive(Default)]
struct Said {
    /// The frames, as they came over the wire.
    bytes: Vec<u8>,
    messages: Vec<Message>,
}

struct Message {
    sender: u32,
    seq: u32,
    sent: u64,
}

struct Sender {
    room: usize,
    /// The sequence number of the message that must be heard next.
    next: u32,
}

impl Record {
    /// `rooms` says in which room each client is.
    pub(super) fn new(frame: usize, rooms: &[usize]) -> Self {
        let count = rooms.iter().max().map_or(0, |last| last + 1);
        Self {
            slice: 0,
            frame,
            rooms: (0..count).map(|_| Said::default()).collect(),
            senders: rooms.iter().map(|room| Sender { room: *room, next: 0 }).collect(),
            latencies: Histogram::new(),
            joins: Histogram::new(),
            delivered: 0,
            faults: Faults::default(),
        }
    }

    /// Forgets what was said; messages carry the new slice's number from here on.
    pub(super) fn begin(&mut self) -> u32 {
        for said in &mut self.rooms {
            said.bytes.clear();
            said.messages.clear();
        }
        self.senders.iter_mut().for_each(|sender| sender.next = 0);
        self.latencies.clear();
        self.delivered = 0;
        self.slice += 1;
        self.slice
    }

    /// Takes the whole frames at the begin of `bytes` that others have heard before: nearly all of all frames.
    pub(super) fn known(&mut self, listener: &mut Listener, bytes: &[u8], now: u64) -> Taken {
        let mut taken = Taken::default();
        let Some(at) = listener.at else { return taken };
        let said = &self.rooms[listener.room];
        let frames = bytes.chunks_exact(self.frame);
        let known = said.bytes[at * self.frame..].chunks_exact(self.frame).zip(&said.messages[at..]);
        let mut count = 0;
        for (frame, (known, message)) in frames.zip(known) {
            if frame != known {
                break;
            }
            count += 1;
            taken.own += u32::from(message.sender == listener.id);
            if message.sent >= listener.since {
                self.latencies.record(now.saturating_sub(message.sent));
            }
        }
        self.delivered += count as u64;
        listener.at = Some(at + count);
        taken.bytes = count * self.frame;
        taken
    }

    /// Takes one chat frame that is not what the listener's room said next: the first time it is heard, or a fault.
    /// Says whether it is the listener's own.
    pub(super) fn chat(&mut self, listener: &mut Listener, frame: &[u8], payload: &[u8], now: u64) -> bool {
        let id = listener.id;
        let stamp = message::read(payload, self.frame).filter(|stamp| {
            self.senders.get(stamp.sender as usize).is_some_and(|sender| sender.room == listener.room)
        });
        let Some(stamp) = stamp else {
            let text = String::from_utf8_lossy(payload);
            self.faults.broken(|| format!("client {id} got a message nobody sent to its room: {text}"));
            return false;
        };
        if stamp.slice != self.slice {
            // A joiner is told what was said before; everybody else has heard it.
            if listener.at.is_some() {
                self.faults
                    .repeated(|| format!("client {id} heard once more, of an earlier slice, {stamp:?}"));
            }
            return false;
        }
        let Some(place) = self.place(listener.room, stamp, frame) else {
            self.faults.broken(|| format!("client {id} heard what no one else heard: {stamp:?}"));
            return false;
        };
        match listener.at {
            Some(at) if place < at => {
                self.faults.repeated(|| format!("client {id} heard once more, or too late, {stamp:?}"));
                return false;
            }
            Some(at) if place > at => {
                self.faults
                    .lost((place - at) as u64, || format!("client {id} missed what is before {stamp:?}"));
            }
            _ => {}
        }
        listener.at = Some(place + 1);
        self.delivered += 1;
        if stamp.sent >= listener.since {
            self.latencies.record(now.saturating_sub(stamp.sent));
        }
        stamp.sender == id
    }

    /// Where a message stands in what its room said; the end, if nobody heard it before.
    fn place(&mut self, room: usize, stamp: Stamp, frame: &[u8]) -> Option<usize> {
        let Stamp { sender, seq, sent, .. } = stamp;
        let said = &mut self.rooms[room];
        let next = &mut self.senders[sender as usize].next;
        if seq < *next {
            return said.messages.iter().rposition(|message| (message.sender, message.seq) == (sender, seq));
        }
        if seq > *next {
            self.faults.broken(|| format!("message {seq} of client {sender} came before its message {next}"));
        }
        *next = seq + 1;
        said.bytes.extend_from_slice(frame);
        said.messages.push(Message { sender, seq, sent });
        Some(said.messages.len() - 1)
    }

    /// Whether this listener has heard all that its room said so far.
    pub(super) fn heard_all(&self, listener: &Listener) -> bool {
        listener.at.unwrap_or(0) == self.rooms[listener.room].messages.len()
    }

    /// Whether everything that this sender sent was said.
    pub(super) fn said_all(&self, sender: u32, sent: u32) -> bool {
        self.senders[sender as usize].next == sent
    }

    /// Counts as lost, for each of the `members` of its room, what this sender sent and nobody heard.
    pub(super) fn count_unsaid(&mut self, sender: u32, sent: u32, members: usize) {
        let unsaid = sent.saturating_sub(self.senders[sender as usize].next);
        if unsaid > 0 {
            let deliveries = u64::from(unsaid) * members as u64;
            self.faults.lost(deliveries, || format!("{unsaid} messages of client {sender} reached nobody"));
        }
    }

    /// Counts as lost what this listener has not heard.
    pub(super) fn count_missing(&mut self, listener: &Listener) {
        let said = self.rooms[listener.room].messages.len();
        let missing = said - listener.at.unwrap_or(0);
        if missing > 0 {
            let id = listener.id;
            self.faults
                .lost(missing as u64, || format!("client {id} did not hear the last {missing} messages"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::message::tests::served, *};

    const FRAME: usize = 182;

    fn frame(sender: u32, seq: u32) -> Vec<u8> {
        served(Stamp { slice: 1, sender, seq, sent: 5 }, FRAME)
    }

    /// Two clients in a room: the first hears `first`, the second `second`.
    fn hear(first: &[(u32, u32)], second: &[(u32, u32)]) -> (u64, Faults) {
        let mut record = Record::new(FRAME, &[0, 0]);
        record.begin();
        for (id, heard) in [(0, first), (1, second)] {
            let mut listener = Listener { id, room: 0, at: Some(0), since: 0 };
            for &(sender, seq) in heard {
                let frame = frame(sender, seq);
                if record.known(&mut listener, &frame, 10).bytes == 0 {
                    record.chat(&mut listener, &frame, &frame[4..], 10);
                }
            }
            record.count_missing(&listener);
        }
        (record.delivered, record.faults)
    }

    #[test]
    fn two_who_hear_the_same_have_nothing_to_complain_of() {
        let (delivered, faults) = hear(&[(0, 0), (1, 0), (0, 1)], &[(0, 0), (1, 0), (0, 1)]);
        assert_eq!(delivered, 6);
        assert!(!faults.any(), "{faults:?}");
    }

    #[test]
    fn a_message_missed_in_the_middle_or_at_the_end_is_lost() {
        assert_eq!(hear(&[(0, 0), (1, 0), (0, 1)], &[(0, 0), (0, 1)]).1.lost, 1);
        assert_eq!(hear(&[(0, 0), (1, 0), (0, 1)], &[(0, 0)]).1.lost, 2);
    }

    #[test]
    fn a_message_heard_twice_is_repeated() {
        assert_eq!(hear(&[(0, 0), (0, 1)], &[(0, 0), (0, 0), (0, 1)]).1.repeated, 1);
    }

    #[test]
    fn two_who_hear_two_senders_in_different_order_are_found_out() {
        assert!(hear(&[(0, 0), (1, 0)], &[(1, 0), (0, 0)]).1.any());
    }

    #[test]
    fn a_senders_messages_swapped_for_everybody_are_found_out() {
        assert!(hear(&[(0, 1), (0, 0)], &[(0, 1), (0, 0)]).1.any());
    }

    #[test]
    fn a_message_of_an_earlier_slice_is_a_replay_to_a_joiner_and_a_fault_to_anybody_else() {
        let mut record = Record::new(FRAME, &[0]);
        record.begin();
        record.begin();
        let frame = frame(0, 0);
        let mut joiner = Listener { id: 0, room: 0, at: None, since: 0 };
        record.chat(&mut joiner, &frame, &frame[4..], 10);
        assert!(!record.faults.any());
        let mut member = Listener { id: 0, room: 0, at: Some(0), since: 0 };
        record.chat(&mut member, &frame, &frame[4..], 10);
        assert_eq!(record.faults.repeated, 1);
    }
}
