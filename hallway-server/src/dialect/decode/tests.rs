use super::*;

fn chat(text: &str) -> Request<'_> {
    Request::Chat { message: text.into(), reference: None }
}

/// What a frame means that has neither of what version 2 has beyond version 1.
fn decode(frame: &str) -> Result<Request<'_>, Fault> {
    let decoded = v1(frame);
    assert_eq!(decoded, v2(frame), "{frame}");
    decoded.map_err(|Refused { fault, reference }| {
        assert_eq!(reference, None);
        fault
    })
}

#[test]
fn a_chat_message_is_read_and_everything_else_in_its_payload_is_ignored() {
    for frame in [
        r#"{"type":"chatMessage","payload":{"message":"Hello!"}}"#,
        r#"{"payload":{"username":"mallory","message":"Hello!"},"type":"chatMessage"}"#,
        r#"{"type":"chatMessage","payload":{"username":"a","username":"b","message":"Hello!"}}"#,
        r#"{"type":"chatMessage","payload":{"Username":7,"message":"Hello!","more":[{}]},"seq":9}"#,
        " \r\n\t{\"type\":\"chatMessage\",\"payload\":{\"message\":\"Hel\\u006co!\"}} ",
    ] {
        assert_eq!(decode(frame), Ok(chat("Hello!")), "{frame}");
    }
}

#[test]
fn a_type_that_is_not_known_is_ignored_whatever_its_payload() {
    for frame in [
        r#"{"type":"typing"}"#,
        r#"{"type":"typing","payload":[1,2]}"#,
        r#"{"type":"ChatMessage","payload":{"message":"x"}}"#,
        r#"{"type":""}"#,
    ] {
        assert_eq!(decode(frame), Ok(Request::Unknown), "{frame}");
    }
}

#[test]
fn what_is_not_json_is_said_to_be_so_and_where() {
    for frame in ["", "hello", "{", r#"{"type":}"#, r#"{"type":"chatMessage"} x"#, "{'type':'chatMessage'}"] {
        assert!(matches!(decode(frame), Err(Fault::NotJson { .. })), "{frame}");
    }
    assert_eq!(decode("{\n \"type\": oops}"), Err(Fault::NotJson { line: 2, column: 10 }));
}

#[test]
fn json_that_is_no_object_is_said_to_be_so() {
    for frame in ["null", "7", "\"chatMessage\"", "[]", r#"["chatMessage",{"message":"x"},3]"#] {
        assert_eq!(decode(frame), Err(Fault::NotAnObject), "{frame}");
    }
    assert_eq!(decode(r#"{"type":"a","type":"chatMessage"}"#), Err(Fault::NotAnObject));
}

#[test]
fn each_missing_part_is_named() {
    for (frame, fault) in [
        ("{}", Fault::NoType),
        (r#"{"type":null}"#, Fault::NoType),
        (r#"{"type":7,"payload":{"message":"x"}}"#, Fault::NoType),
        (r#"{"type":"chatMessage"}"#, Fault::NoPayload),
        (r#"{"type":"chatMessage","payload":null}"#, Fault::NoPayload),
        (r#"{"type":"chatMessage","payload":"x"}"#, Fault::NoPayload),
        (r#"{"type":"chatMessage","payload":["x"]}"#, Fault::NoPayload),
        (r#"{"type":"chatMessage","payload":["x","y"]}"#, Fault::NoPayload),
        (r#"{"type":"chatMessage","payload":{"message":"x","message":"y"}}"#, Fault::NoPayload),
        (r#"{"type":"chatMessage","payload":{}}"#, Fault::NoMessage),
        (r#"{"type":"chatMessage","payload":{"Message":"x"}}"#, Fault::NoMessage),
        (r#"{"type":"chatMessage","payload":{"message":null}}"#, Fault::NoMessage),
        (r#"{"type":"chatMessage","payload":{"message":["x"]}}"#, Fault::NoMessage),
        (r#"{"type":"chatMessage","payload":{"message":"\ud800"}}"#, Fault::NoMessage),
    ] {
        assert_eq!(decode(frame), Err(fault), "{frame}");
    }
}

#[test]
fn json_nested_without_end_is_refused() {
    let frame = format!(r#"{{"type":"chatMessage","payload":{}"#, "[".repeat(60_000));
    assert!(decode(&frame).is_err());
}

#[test]
fn a_message_is_passed_on_as_it_came() {
    let text = " <b>\u{2028}\u{1f980}\"\\\u{1}\n ";
    let frame = serde_json::json!({"type": "chatMessage", "payload": {"message": text}}).to_string();
    assert_eq!(decode(&frame), Ok(chat(text)));
}

fn reference(text: &str) -> Reference {
    Reference::new(text).unwrap()
}

fn history(before: Option<u64>, limit: usize) -> Request<'static> {
    Request::History { before, limit, reference: None }
}

#[test]
fn in_version_2_a_message_may_have_a_reference() {
    for frame in [
        r#"{"type":"chatMessage","payload":{"message":"Hello!","ref":"c1"}}"#,
        r#"{"payload":{"ref":"c1","message":"Hello!"},"type":"chatMessage"}"#,
        r#"{"type":"chatMessage","payload":{"ref":"\u0063\u0031","message":"Hello!"}}"#,
    ] {
        let said = Request::Chat { message: "Hello!".into(), reference: Some(reference("c1")) };
        assert_eq!(v2(frame), Ok(said), "{frame}");
        assert_eq!(v1(frame), Ok(chat("Hello!")), "{frame}");
    }
    let frame = r#"{"type":"chatMessage","payload":{"message":"Hello!","ref":null}}"#;
    assert_eq!(v2(frame), Ok(chat("Hello!")));
}

#[test]
fn a_reference_of_another_type_or_length_is_said_to_be_wrong_and_version_1_does_not_look_at_it() {
    let long = format!(r#""{}""#, "x".repeat(65));
    for (value, fault) in [
        ("7", Fault::NoReference),
        ("[\"c1\"]", Fault::NoReference),
        ("\"\"", Fault::Reference(Reference::new("").unwrap_err())),
        (&long, Fault::Reference(Reference::new(&long[1..66]).unwrap_err())),
    ] {
        let frame = format!(r#"{{"type":"chatMessage","payload":{{"message":"x","ref":{value}}}}}"#);
        assert_eq!(v2(&frame), Err(fault.into()));
        assert_eq!(v1(&frame), Ok(chat("x")));
        assert!(fault.to_string().contains("1 to 64 bytes"), "{fault}");
    }
}

#[test]
fn a_fault_is_told_with_the_reference_of_its_frame() {
    for (frame, fault) in [
        (r#"{"type":"chatMessage","payload":{"ref":"c1"}}"#, Fault::NoMessage),
        (r#"{"type":"history","payload":{"limit":0,"ref":"c1"}}"#, Fault::Limit),
        (r#"{"type":7,"payload":{"ref":"c1"}}"#, Fault::NoType),
    ] {
        assert_eq!(v2(frame), Err(Refused { fault, reference: Some(reference("c1")) }), "{frame}");
    }
}

#[test]
fn the_history_is_asked_for_by_a_place_and_how_many() {
    let ask = |payload: &str| format!(r#"{{"type":"history","payload":{payload}}}"#);
    assert_eq!(v2(&ask("{}")), Ok(history(None, 50)));
    assert_eq!(v2(&ask(r#"{"before":null,"limit":null,"ref":null}"#)), Ok(history(None, 50)));
    assert_eq!(v2(&ask(r#"{"before":90,"limit":200}"#)), Ok(history(Some(90), 200)));
    assert_eq!(v2(&ask(r#"{"before":0,"limit":1}"#)), Ok(history(Some(0), 1)));
    // A whole number all the same, however large.
    assert_eq!(v2(&ask(r#"{"before":99999999999999999999}"#)), Ok(history(Some(u64::MAX), 50)));
    let named = Request::History { before: None, limit: 50, reference: Some(reference("h1")) };
    assert_eq!(v2(&ask(r#"{"ref":"h1"}"#)), Ok(named));
    assert_eq!(v1(&ask("{}")), Ok(Request::Unknown));
}

#[test]
fn a_history_that_cannot_be_asked_for_is_refused_with_what_is_allowed() {
    let ask = |payload: &str| format!(r#"{{"type":"history","payload":{payload}}}"#);
    for limit in ["0", "201", "1000000", "-1", "1.5", "1e2", "\"50\"", "[]", "99999999999999999999"] {
        let decoded = ask(&format!(r#"{{"limit":{limit}}}"#));
        assert_eq!(v2(&decoded), Err(Fault::Limit.into()), "{limit}");
    }
    assert_eq!(Fault::Limit.to_string(), r#""limit" is not a whole number from 1 to 200"#);
    for before in ["-1", "1.5", "1e2", "\"50\"", "{}", "true"] {
        let decoded = ask(&format!(r#"{{"before":{before}}}"#));
        assert_eq!(v2(&decoded), Err(Fault::Before.into()), "{before}");
    }
    for payload in ["[]", "null", "7", r#"{"limit":1,"limit":2}"#] {
        assert_eq!(v2(&ask(payload)), Err(Fault::NoPayload.into()), "{payload}");
    }
}
