use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;

fn sample() -> (Vec<u8>, Vec<Frame>) {
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    let frames = vec![
        Frame::Simple(text("OK")),
        Frame::Error(text("ERR no")),
        Frame::Integer(-7),
        Frame::bulk("two\r\nlines"),
        Frame::bulk(""),
        Frame::Null,
        Frame::Array(vec![Frame::Array(vec![]), Frame::Array(vec![Frame::Null])]),
        Frame::Map(vec![(Frame::bulk("k"), Frame::Set(vec![Frame::Boolean(true)]))]),
        Frame::Push(vec![Frame::bulk("message"), Frame::Double(-1.5)]),
        Frame::BigNumber(text("-12345678901234567890")),
        Frame::Verbatim { format: *b"txt", text: text("hi") },
        Frame::BulkError(text("ERR\r\nlong")),
        Frame::Attributed {
            attributes: vec![(Frame::Simple(text("ttl")), Frame::Integer(1))],
            frame: Box::new(Frame::Array(vec![Frame::Integer(1)])),
        },
    ];
    let mut wire = BytesMut::new();
    for frame in &frames {
        frame.encode(&mut wire, Version::Resp3);
    }
    (wire.to_vec(), frames)
}

fn decode_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Frame>, RespError> {
    let mut decoder = RespDecoder::default();
    let mut input = BytesMut::new();
    let mut frames = Vec::new();
    for piece in pieces {
        input.extend_from_slice(piece);
        while let Some(frame) = decoder.decode(&mut input)? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

type Commands = Vec<Vec<Vec<u8>>>;

fn commands_in_pieces<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Commands, Option<RespError>) {
    let mut decoder = CommandDecoder::default();
    let mut input = Vec::new();
    let mut commands = Vec::new();
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match decoder.decode(&input) {
                Ok(Some((words, length))) => {
                    assert!(length > 0, "a command takes something");
                    commands.push(words.iter().map(<[u8]>::to_vec).collect());
                    input.drain(..length);
                }
                Ok(None) => break,
                Err(error) => return (commands, Some(error)),
            }
        }
    }
    (commands, None)
}

#[test]
fn every_split_decodes_to_the_same_frames() {
    let (wire, frames) = sample();
    for cut in 0..=wire.len() {
        let (head, tail) = wire.split_at(cut);
        assert_eq!(decode_pieces([head, tail]).as_ref(), Ok(&frames), "cut {cut}");
    }
    assert_eq!(decode_pieces(wire.chunks(1)), Ok(frames));
}

#[test]
fn every_truncation_waits_and_takes_nothing_of_the_last_frame() {
    let (wire, frames) = sample();
    for length in 0..wire.len() {
        let decoded = decode_pieces([&wire[..length]]).expect("a beginning is no error");
        assert!(decoded.len() < frames.len());
        assert_eq!(decoded, frames[..decoded.len()], "length {length}");
    }
}

#[test]
fn every_split_reads_the_same_commands() {
    let wire =
        b"*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n\r\n*0\r\nSET k \"a b\\x41\" 'c'\r\n*-1\r\nPING\n";
    let expected: [&[&[u8]]; 6] =
        [&[b"GET", b"a\r\nb"], &[], &[], &[b"SET", b"k", b"a bA", b"c"], &[], &[b"PING"]];
    let expected: Commands =
        expected.iter().map(|words| words.iter().map(|word| word.to_vec()).collect()).collect();
    let whole = commands_in_pieces([&wire[..]]);
    assert_eq!(whole, (expected, None));
    for cut in 0..=wire.len() {
        let (head, tail) = wire.split_at(cut);
        assert_eq!(commands_in_pieces([head, tail]), whole, "cut {cut}");
    }
    assert_eq!(commands_in_pieces(wire.chunks(1)), whole);
}

#[test]
fn a_word_longer_than_announced_is_read_as_redis_reads_it() {
    // Two bytes after a word are passed over whatever they are, and the rest is the next command.
    let (commands, error) = commands_in_pieces([&b"*1\r\n$3\r\nPINGX rest\r\n"[..]]);
    let words: Commands = vec![vec![b"PIN".to_vec()], vec![b"rest".to_vec()]];
    assert_eq!((commands, error), (words, None));
}

#[test]
fn inline_commands_are_split_as_redis_splits_them() {
    for (line, words) in [
        ("PING", Some(vec!["PING"])),
        ("  SET  k\tv ", Some(vec!["SET", "k", "v"])),
        (r#"SET k "a\"b""#, Some(vec!["SET", "k", "a\"b"])),
        (r"SET k 'it\'s'", Some(vec!["SET", "k", "it's"])),
        (r#"SET k """#, Some(vec!["SET", "k", ""])),
        (r#"SET k "\x4a\n\q""#, Some(vec!["SET", "k", "J\nq"])),
        (r#"SET k "a"b"#, None),
        (r#"SET k "a"#, None),
        ("SET k 'a", None),
    ] {
        let (commands, error) = commands_in_pieces([format!("{line}\r\n").as_bytes()]);
        match words {
            Some(words) => {
                let words: Vec<Vec<u8>> = words.iter().map(|w| w.as_bytes().to_vec()).collect();
                assert_eq!((commands, error), (vec![words], None), "{line}");
            }
            None => assert_eq!(error, Some(RespError::UnbalancedQuotes), "{line}"),
        }
    }
}

#[test]
fn what_is_announced_beyond_a_limit_is_refused_at_once() {
    for (wire, error) in [
        (&b"*1048577\r\n"[..], RespError::MultibulkLength),
        (b"*x\r\n", RespError::MultibulkLength),
        (b"*1\r\n$67108865\r\n", RespError::BulkLength),
        (b"*1\r\n$-1\r\n", RespError::BulkLength),
        (b"*1\r\n:1\r\n", RespError::ExpectedBulk(b':')),
        (&[b'*'; 64], RespError::MultibulkLength),
        (&[b'a'; LINE_BYTES_MAX + 1], RespError::InlineTooLong),
    ] {
        assert_eq!(commands_in_pieces([wire]).1, Some(error), "{}", wire.escape_ascii());
    }
    for (wire, error) in [
        (&b"$67108865\r\n"[..], RespError::BulkLength),
        (b"*1048577\r\n", RespError::TooManyElements),
        (b"%524289\r\n", RespError::TooManyElements),
        (b"%9223372036854775807\r\n", RespError::TooManyElements),
        (b"|9223372036854775807\r\n", RespError::TooManyElements),
        (b"*9223372036854775808\r\n", RespError::MultibulkLength),
        (b"?\r\n", RespError::UnknownType(b'?')),
        (b":1.5\r\n", RespError::BadNumber),
        (b"#x\r\n", RespError::BadNumber),
        (b"$1\r\nab\r\n", RespError::MissingCrlf),
        (b"=3\r\nabc\r\n", RespError::BadVerbatim),
    ] {
        assert_eq!(decode_pieces([wire]), Err(error), "{}", wire.escape_ascii());
    }
    let deep = "*1\r\n".repeat(DEPTH_MAX + 1);
    assert_eq!(decode_pieces([deep.as_bytes()]), Err(RespError::TooDeep));
    let long = vec![b'+'; LINE_BYTES_MAX + 2];
    assert_eq!(decode_pieces([&long[..]]), Err(RespError::LineTooLong));
}

#[test]
fn elements_are_counted_over_all_levels() {
    // 1024 arrays of 1024 elements are 1024 more than the limit.
    let inner = format!("*1024\r\n{}", ":1\r\n".repeat(1024));
    let wire = format!("*1024\r\n{}", inner.repeat(1024));
    assert_eq!(decode_pieces([wire.as_bytes()]), Err(RespError::TooManyElements));
}

#[test]
fn the_unauthenticated_may_announce_little() {
    let mut decoder = CommandDecoder::default();
    decoder.set_unauthenticated(true);
    let refused = decoder.decode(b"*11\r\n").map(|_| ());
    assert_eq!(refused, Err(RespError::UnauthenticatedMultibulk));
    let mut decoder = CommandDecoder::default();
    decoder.set_unauthenticated(true);
    let refused = decoder.decode(b"*1\r\n$16385\r\n").map(|_| ());
    assert_eq!(refused, Err(RespError::UnauthenticatedBulk));
}

#[test]
fn resp2_gets_what_it_can_read() {
    for (frame, wire) in [
        (Frame::Null, "$-1\r\n"),
        (Frame::NullArray, "*-1\r\n"),
        (Frame::Map(vec![(Frame::bulk("a"), Frame::Integer(1))]), "*2\r\n$1\r\na\r\n:1\r\n"),
        (Frame::Double(0.1), "$3\r\n0.1\r\n"),
        (Frame::Boolean(true), ":1\r\n"),
        (Frame::Error(Bytes::from_static(b"ERR a\r\nb")), "-ERR a  b\r\n"),
        (Frame::Attributed { attributes: vec![], frame: Box::new(Frame::Integer(1)) }, ":1\r\n"),
    ] {
        let mut out = BytesMut::new();
        frame.encode(&mut out, Version::Resp2);
        assert_eq!(out, wire.as_bytes());
    }
}

#[test]
fn a_large_array_in_small_pieces_is_read_once() {
    // Quadratic work over these 600,000 pieces would take hours.
    let wire = format!("*200000\r\n{}", "$1\r\nx\r\n".repeat(200_000));
    let pieces: Vec<&[u8]> = wire.as_bytes().chunks(2).collect();
    let mut scanner = Scanner::default();
    let mut length = 0;
    let mut found = None;
    for piece in &pieces {
        length += piece.len();
        found = scanner.scan(&wire.as_bytes()[..length]).expect("a frame");
    }
    assert_eq!(found, Some(wire.len()));
}

fn text() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

fn line() -> impl Strategy<Value = Bytes> {
    "[ -~]{0,20}".prop_map(Bytes::from)
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let leaf = prop_oneof![
        line().prop_map(Frame::Simple),
        line().prop_map(Frame::Error),
        any::<i64>().prop_map(Frame::Integer),
        text().prop_map(Frame::Bulk),
        Just(Frame::Null),
        any::<f64>().prop_filter("equal to itself", |d| !d.is_nan()).prop_map(Frame::Double),
        any::<bool>().prop_map(Frame::Boolean),
        "-?[0-9]{1,40}".prop_map(|digits| Frame::BigNumber(Bytes::from(digits))),
        text().prop_map(|text| Frame::Verbatim { format: *b"mkd", text }),
        text().prop_map(Frame::BulkError),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..5);
        let pairs = prop::collection::vec((inner.clone(), inner.clone()), 0..3);
        prop_oneof![
            list.clone().prop_map(Frame::Array),
            list.clone().prop_map(Frame::Set),
            list.prop_map(Frame::Push),
            pairs.clone().prop_map(Frame::Map),
            (pairs, inner).prop_map(|(attributes, frame)| Frame::Attributed {
                attributes,
                frame: Box::new(frame)
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(frame in any_frame(), piece in 1_usize..40) {
        let mut wire = BytesMut::new();
        frame.encode(&mut wire, Version::Resp3);
        prop_assert_eq!(decode_pieces(wire.chunks(piece)), Ok(vec![frame.clone()]));
        prop_assert_eq!(Frame::parse(&wire.freeze()), Ok(frame));
    }

    #[test]
    fn what_is_encoded_for_resp2_decodes_without_rest(frame in any_frame()) {
        let mut wire = BytesMut::new();
        frame.encode(&mut wire, Version::Resp2);
        prop_assert_eq!(decode_pieces([&wire[..]]).map(|frames| frames.len()), Ok(1));
    }

    #[test]
    fn commands_decode_to_their_words(
        commands in prop::collection::vec(prop::collection::vec(text(), 1..5), 1..4),
        piece in 1_usize..40,
    ) {
        let mut wire = BytesMut::new();
        for words in &commands {
            encode_command(words, &mut wire);
        }
        let expected: Commands =
            commands.iter().map(|c| c.iter().map(|w| w.to_vec()).collect()).collect();
        prop_assert_eq!(commands_in_pieces(wire.chunks(piece)), (expected, None));
    }

    #[test]
    fn random_bytes_decode_alike_in_any_pieces_and_never_panic(
        wire in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(b"*$:+-_,#(=!%~>|0123\r\n".to_vec())],
            0..200,
        ),
        piece in 1_usize..20,
    ) {
        prop_assert_eq!(decode_pieces(wire.chunks(piece)), decode_pieces([&wire[..]]));
        prop_assert_eq!(commands_in_pieces(wire.chunks(piece)), commands_in_pieces([&wire[..]]));
        let _ = summarize_frame(&wire);
    }
}
