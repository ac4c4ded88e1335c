//! The contract of a store: what it says, and at random beside a plain model.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "../common/mod.rs"]
mod common;
mod facts;
mod model;
mod random;

/// Each fact of every implementation.
macro_rules! contract {
    ($($fact:ident)*) => {
        mod sqlite {
            $(#[test]
            fn $fact() {
                let scratch = crate::common::Scratch::new();
                crate::facts::$fact(&crate::common::open(&scratch.file()));
            })*
        }

        mod model_itself {
            $(#[test]
            fn $fact() {
                crate::facts::$fact(&crate::model::Model::default());
            })*
        }
    };
}

contract! {
    a_room_without_a_message_is_not_there
    a_room_is_its_epoch_its_numbers_and_its_newest_messages
    a_page_is_next_to_its_place_and_oldest_first
    a_page_ends_before_it_has_too_many_bytes_but_is_not_empty
    what_a_message_says_is_kept_byte_for_byte
    a_batch_that_does_not_fit_is_refused_whole
    a_batch_goes_to_many_rooms
    references_are_the_newest_since_a_time_and_oldest_first
    the_newest_so_many_messages_of_each_room_are_kept
    messages_that_are_too_old_go
    the_room_that_holds_the_most_loses_its_oldest_first
    of_many_equal_rooms_all_lose_about_as_much
    however_many_rooms_there_are_each_keeps_its_newest
    a_room_that_has_lost_all_its_messages_goes_on_counting
    a_step_of_tidying_is_small
    epochs_are_new_where_a_relaxed_hub_was_not_closed
    readers_see_whole_batches_while_others_are_appended
}
