use std::{num::NonZeroUsize, pin::pin, task::Poll};

use proptest::prelude::*;

use super::*;
use crate::send::turns::MOST_WAITING;

#[expect(clippy::unnecessary_wraps, reason = "written as the limiter takes it")]
fn rate(requests: usize, seconds: u64) -> Option<Rate> {
    Some(Rate { requests, per: Duration::from_secs(seconds) })
}

fn key(limiter: &Limiter, secret: &str, domain: &str) -> RateBucketKey {
    let credential = (http::header::AUTHORIZATION, HeaderValue::from_str(secret).unwrap());
    limiter.key("https://x", &[credential], &Arc::from(domain))
}

fn wish(key: &RateBucketKey, rate: Option<Rate>, person: u64) -> Wish<'_> {
    Wish { key, rate, person: Some(person) }
}

/// Waits for a turn and uses it; answers when that was.
async fn send(limiter: &Limiter, wish: Wish<'_>) -> Instant {
    match limiter.join(wish, Instant::now()) {
        Joined::Turn(turn) => turn.keep(),
        Joined::Waiting(place) => place.turn().await.keep(),
        Joined::Crowded(at) => panic!("too many wait until {at:?}"),
    }
    Instant::now()
}

fn turn<'a>(limiter: &'a Limiter, wish: Wish<'a>) -> Turn<'a> {
    match limiter.join(wish, Instant::now()) {
        Joined::Turn(turn) => turn,
        other => panic!("{other:?}"),
    }
}

fn place<'a>(limiter: &'a Limiter, wish: Wish<'a>) -> Place<'a> {
    match limiter.join(wish, Instant::now()) {
        Joined::Waiting(place) => place,
        other => panic!("{other:?}"),
    }
}

fn assert_within_rate(times: &[Instant], rate: Rate) {
    for (index, time) in times.iter().enumerate() {
        let within = times.iter().skip(index).take_while(|other| **other - *time < rate.per).count();
        assert!(within <= rate.requests, "{within} requests within the window");
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_and_domains_do_not_wait_for_one_another() {
    let (limiter, start) = (Limiter::default(), Instant::now());
    let (a, b, other) = (key(&limiter, "a", "x"), key(&limiter, "b", "x"), key(&limiter, "a", "y"));
    for key in [&a, &b, &other] {
        assert_eq!(send(&limiter, wish(key, rate(1, 9), 1)).await, start);
    }
    assert!(send(&limiter, wish(&a, rate(1, 9), 1)).await - start >= Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_not_used_is_given_back_to_whoever_waits() {
    let (limiter, start) = (Limiter::default(), Instant::now());
    let key = key(&limiter, "a", "x");
    let unused = turn(&limiter, wish(&key, rate(1, 9), 1));
    let mut next = pin!(send(&limiter, wish(&key, rate(1, 9), 2)));
    assert!(std::future::poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx).is_pending())).await);
    drop(unused);
    assert_eq!(next.await, start);
    drop(place(&limiter, wish(&key, rate(1, 9), 1)));
    assert!(limiter.lock().values().all(|rate_bucket| rate_bucket.turns.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_cool_down_that_the_vendor_asks_for_holds_for_everyone_in_the_rate_bucket() {
    let (limiter, now) = (Limiter::default(), Instant::now());
    let key = key(&limiter, "a", "x");
    limiter.block(&key, now + Duration::from_secs(60), now);
    let first = place(&limiter, wish(&key, None, 1));
    assert_eq!(first.expected(now), now + Duration::from_secs(60));
    let second = place(&limiter, wish(&key, None, 2));
    // While somebody waits it may become longer, and holds for those who wait already.
    limiter.block(&key, now + Duration::from_secs(70), now);
    first.turn().await.keep();
    assert_eq!(Instant::now() - now, Duration::from_secs(70));
    second.turn().await.keep();
    assert_eq!(Instant::now() - now, Duration::from_secs(70));
    send(&limiter, wish(&key, None, 1)).await;
    assert_eq!(Instant::now() - now, Duration::from_secs(70));
}

#[tokio::test(start_paused = true)]
async fn what_one_person_queues_delays_nobody_by_more_than_a_turn() {
    let (limiter, start) = (Limiter::default(), Instant::now());
    let key = key(&limiter, "a", "x");
    send(&limiter, wish(&key, rate(1, 1), 1)).await;
    let mut order = tokio::task::JoinSet::new();
    let (limiter, key) = (Arc::new(limiter), Arc::new(key));
    let joining = |person: u64| {
        let (limiter, key) = (Arc::clone(&limiter), Arc::clone(&key));
        async move { (send(&limiter, wish(&key, rate(1, 1), person)).await, person) }
    };
    for _ in 0..MOST_WAITING {
        order.spawn(joining(1));
    }
    tokio::task::yield_now().await;
    order.spawn(joining(2));
    order.spawn(joining(3));
    let mut ends = Vec::new();
    while let Some(end) = order.join_next().await {
        ends.push(end.unwrap());
    }
    ends.sort();
    let people: Vec<u64> = ends.iter().take(5).map(|(_, person)| *person).collect();
    assert_eq!(people, [1, 2, 3, 1, 1]);
    let window = Duration::from_secs(1) + MARGIN;
    assert_eq!(ends[1].0 - start, 2 * window, "one turn of the other, then its own");
    assert_within_rate(&ends.iter().map(|(at, _)| *at).collect::<Vec<_>>(), rate(1, 1).unwrap());
}

#[tokio::test(start_paused = true)]
async fn whatever_one_person_sends_there_is_room_for_the_first_requests_of_others() {
    let (limiter, start) = (Limiter::default(), Instant::now());
    let key = key(&limiter, "a", "x");
    let rate = rate(60, 60);
    let mut alone = 0;
    while let Joined::Turn(turn) = limiter.join(wish(&key, rate, 1), start) {
        turn.keep();
        alone += 1;
    }
    assert_eq!(alone, 45, "three quarters");
    let waiting: Vec<_> = (0..MOST_WAITING).map(|_| place(&limiter, wish(&key, rate, 1))).collect();
    for person in 2..12 {
        assert_eq!(send(&limiter, wish(&key, rate, person)).await, start, "{person}");
    }
    // A request that is nobody's needs no share, and the vendor's rate holds for all of them.
    for _ in 55..60 {
        turn(&limiter, Wish { key: &key, rate, person: None }).keep();
    }
    assert!(matches!(limiter.join(wish(&key, rate, 99), start), Joined::Waiting(_)));
    drop(waiting);
}

#[tokio::test(start_paused = true)]
async fn who_has_had_a_share_is_passed_over_until_the_window_has_room() {
    let (limiter, start) = (Limiter::default(), Instant::now());
    let key = key(&limiter, "a", "x");
    let rate = rate(4, 1);
    for _ in 0..3 {
        turn(&limiter, wish(&key, rate, 1)).keep();
    }
    let over = place(&limiter, wish(&key, rate, 1));
    let window = Duration::from_secs(1) + MARGIN;
    assert_eq!(over.expected(start) - start, window);
    assert_eq!(send(&limiter, wish(&key, rate, 2)).await, start);
    over.turn().await.keep();
    assert_eq!(Instant::now() - start, window);
}

#[tokio::test(start_paused = true)]
async fn one_person_has_so_many_waiting_in_a_rate_bucket_and_is_told_when_there_is_room() {
    let (limiter, now) = (Limiter::default(), Instant::now());
    let (one, other) = (key(&limiter, "a", "x"), key(&limiter, "b", "x"));
    turn(&limiter, wish(&one, rate(1, 1), 1)).keep();
    turn(&limiter, wish(&other, rate(1, 1), 1)).keep();
    let waiting: Vec<_> = (0..MOST_WAITING).map(|_| place(&limiter, wish(&one, rate(1, 1), 1))).collect();
    let Joined::Crowded(at) = limiter.join(wish(&one, rate(1, 1), 1), now) else { panic!("one more waits") };
    let windows = u32::try_from(MOST_WAITING + 1).unwrap();
    assert_eq!(at - now, windows * (Duration::from_secs(1) + MARGIN));
    place(&limiter, wish(&one, rate(1, 1), 2));
    place(&limiter, wish(&other, rate(1, 1), 1));
    drop(waiting);
    place(&limiter, wish(&one, rate(1, 1), 1));
}

#[tokio::test(start_paused = true)]
async fn the_number_of_rate_buckets_is_bounded() {
    let limiter = Limiter::default();
    for number in 0..3_000 {
        let key = key(&limiter, &number.to_string(), "x");
        turn(&limiter, wish(&key, rate(1, 9), 1)).keep();
    }
    assert!(limiter.lock().len() <= MOST_BUCKETS);
    assert!(!format!("{limiter:?}").contains("secret"));
}

#[tokio::test(start_paused = true)]
async fn a_rate_bucket_in_which_somebody_waits_is_kept() {
    let (limiter, start) = (Limiter::default(), Instant::now());
    let first = key(&limiter, "first", "x");
    turn(&limiter, wish(&first, rate(1, 9), 1)).keep();
    let waiting = place(&limiter, wish(&first, rate(1, 9), 1));
    for number in 0..3_000 {
        let key = key(&limiter, &number.to_string(), "x");
        turn(&limiter, wish(&key, rate(1, 9), 1)).keep();
    }
    waiting.turn().await.keep();
    assert_eq!(Instant::now() - start, Duration::from_secs(9) + MARGIN);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_window_holds_more_requests_than_the_rate_and_each_comes_when_it_was_told(
        // So few that nobody's share is smaller than the window.
        requests in 1_usize..4,
        seconds in 1_u64..4,
        comers in prop::collection::vec((0_u64..1_500, 0_u64..4), 1..MOST_WAITING),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        // Where one person alone comes, nothing changes what was told; another person's turn may come before.
        let alone = comers.iter().all(|(_, person)| *person == 0);
        let sent = runtime.block_on(async {
            let limiter = Arc::new(Limiter::default());
            let key = Arc::new(key(&limiter, "a", "x"));
            let mut all = tokio::task::JoinSet::new();
            for (pause, person) in comers {
                // Not `advance`, which passes over what is due on the way.
                tokio::time::sleep(Duration::from_millis(pause)).await;
                let (limiter, key) = (Arc::clone(&limiter), Arc::clone(&key));
                let now = Instant::now();
                let told = limiter.expected(wish(&key, rate(requests, seconds), person), now);
                all.spawn(async move { (send(&limiter, wish(&key, rate(requests, seconds), person)).await, told) });
                tokio::task::yield_now().await;
            }
            all.join_all().await
        });
        for (at, told) in &sent {
            prop_assert!(!alone || at == told, "told {told:?}, was {at:?}");
        }
        let mut times: Vec<Instant> = sent.iter().map(|(at, _)| *at).collect();
        times.sort();
        assert_within_rate(&times, rate(requests, seconds).unwrap());
    }
}

/// Each node counts its own requests alone; what it may send is its part.
#[tokio::test(start_paused = true)]
async fn several_nodes_together_keep_to_the_rate_of_the_vendor() {
    for (requests, nodes) in [(60, 1), (60, 2), (10, 3), (3, 3), (2, 3), (1, 5)] {
        let whole = Rate { requests, per: Duration::from_secs(60) };
        let part = whole.among(NonZeroUsize::new(nodes).unwrap());
        let limiters: Vec<Limiter> = (0..nodes).map(|_| Limiter::default()).collect();
        let mut times = Vec::new();
        for _ in 0..40 {
            for limiter in &limiters {
                let key = key(limiter, "a", "x");
                times.push(send(limiter, Wish { key: &key, rate: Some(part), person: None }).await);
            }
        }
        times.sort();
        // Where there are fewer requests than nodes, all may send their one at the same moment: the rate is kept on average.
        let together = if requests < nodes { Rate { requests: nodes, per: part.per } } else { whole };
        assert_within_rate(&times, together);
        assert!(together.per.as_secs() * whole.requests as u64 >= whole.per.as_secs() * together.requests as u64);
    }
}
