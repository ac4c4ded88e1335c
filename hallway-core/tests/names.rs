//! Names are the hub's.

mod common;

use common::{SECOND, heard, hub, join, pass, try_join};

#[tokio::test(start_paused = true)]
async fn a_name_is_trimmed_and_runs_of_white_space_become_one_space() {
    assert_called("  alice \t\r\n  smith\u{2003} ", "alice smith").await;
}

#[tokio::test(start_paused = true)]
async fn a_name_loses_its_control_and_invisible_format_characters() {
    assert_called("a\u{0}l\u{202e}i\u{200b}c\u{feff}e\u{7f}", "alice").await;
}

#[tokio::test(start_paused = true)]
async fn a_name_is_cut_to_64_characters() {
    assert_called(&"é".repeat(64), &"é".repeat(64)).await;
    assert_called(&"é".repeat(65), &"é".repeat(64)).await;
}

#[tokio::test(start_paused = true)]
async fn to_how_many_characters_a_name_is_cut_can_be_configured() {
    let hub = hub(|config| config.max_name_chars = 3);
    assert_eq!(&**join(&hub, "alice").await.username(), "ali");
}

#[tokio::test(start_paused = true)]
async fn the_alphabet_and_case_of_a_name_are_kept() {
    assert_called("Žofie Ωmega 李 🦀", "Žofie Ωmega 李 🦀").await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_no_name_is_called_by_the_time_of_day() {
    for nothing in ["", "  \t ", "\u{200b}\u{202e}\u{7}"] {
        assert_called(nothing, "Anon_210507").await;
    }
}

#[tokio::test(start_paused = true)]
async fn anonymous_members_of_one_second_are_numbered_from_the_second_on() {
    let hub = hub(|_| {});
    let mut names = Vec::new();
    let mut members = Vec::new();
    for _ in 0..3 {
        let member = join(&hub, "").await;
        names.push(member.username().to_string());
        members.push(member);
    }
    assert_eq!(names, ["Anon_210507", "Anon_210507_2", "Anon_210507_3"]);
    pass(SECOND).await;
    assert_eq!(&**join(&hub, "").await.username(), "Anon_210508");
}

#[tokio::test(start_paused = true)]
async fn anonymous_members_of_two_rooms_do_not_number_each_other() {
    let hub = hub(|_| {});
    let one = try_join(&hub, "one", "").await.unwrap();
    let two = try_join(&hub, "two", "").await.unwrap();
    assert_eq!(one.username(), two.username());
}

#[tokio::test(start_paused = true)]
async fn no_two_anonymous_members_of_a_room_have_one_name_however_many_come_and_go() {
    let hub = hub(|_| {});
    let mut members = Vec::new();
    for round in 0..20 {
        for _ in 0..10 {
            members.push(join(&hub, "").await);
        }
        // Every third leaves, from another start each time, some of them in the second in which they came.
        let mut number = round;
        members.retain(|_| {
            number += 1;
            number % 3 != 0
        });
        if round % 4 == 0 {
            pass(SECOND).await;
        }
        let mut names: Vec<_> = members.iter().map(|member| member.username().to_string()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "in round {round}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_name_of_an_anonymous_member_that_left_is_free_again() {
    let hub = hub(|_| {});
    let first = join(&hub, "").await;
    let _second = join(&hub, "").await;
    drop(first);
    assert_eq!(&**join(&hub, "").await.username(), "Anon_210507");
}

#[tokio::test(start_paused = true)]
async fn who_is_anonymous_since_this_second_of_yesterday_keeps_the_name_to_itself() {
    let hub = hub(|_| {});
    let _yesterday = join(&hub, "").await;
    pass(3_600 * SECOND).await;
    let _in_between = join(&hub, "").await;
    pass(23 * 3_600 * SECOND).await;
    assert_eq!(&**join(&hub, "").await.username(), "Anon_210507_2");
}

#[tokio::test(start_paused = true)]
async fn the_number_of_an_anonymous_member_that_left_is_not_one_of_a_later_second() {
    let hub = hub(|_| {});
    let _first = join(&hub, "").await;
    drop(join(&hub, "").await);
    pass(SECOND).await;
    assert_eq!(&**join(&hub, "").await.username(), "Anon_210508");
}

#[tokio::test(start_paused = true)]
async fn two_members_may_share_a_name() {
    let hub = hub(|_| {});
    let mut phone = join(&hub, "alice").await;
    let desktop = join(&hub, "alice").await;
    assert_eq!(phone.username(), desktop.username());

    desktop.post("from my desk").await.unwrap();
    drop(desktop);
    phone.post("still here").await.unwrap();
    assert_eq!(
        heard(&hub, &mut phone).await,
        [
            "1 members",
            "alice joined",
            "alice joined",
            "alice: from my desk",
            "alice left",
            "alice: still here"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_name_the_room_hears_is_the_one_the_hub_made() {
    let hub = hub(|_| {});
    let mut bob = join(&hub, " bob\u{202e}\n the  builder ").await;
    bob.post("hi").await.unwrap();
    assert_eq!(heard(&hub, &mut bob).await, ["1 members", "bob the builder joined", "bob the builder: hi"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_can_post_under_another_name() {
    let hub = hub(|_| {});
    let mut alice = join(&hub, "alice").await;
    let (mallory, receiver) = join(&hub, "mallory").await.split();
    drop(receiver);
    heard(&hub, &mut alice).await;
    for text in
        [r#"{"username":"alice","message":"hi"}"#, r#"hi","username":"alice"#, "alice: hi", "\nalice: hi"]
    {
        mallory.clone().post(text).await.unwrap();
        assert_eq!(heard(&hub, &mut alice).await, [format!("mallory: {text}")]);
    }
}

async fn assert_called(asked: &str, expected: &str) {
    let hub = hub(|_| {});
    let member = join(&hub, asked).await;
    assert_eq!(&**member.username(), expected);
    let (sender, receiver) = member.split();
    assert_eq!((&**sender.username(), &**receiver.username()), (expected, expected));
}
