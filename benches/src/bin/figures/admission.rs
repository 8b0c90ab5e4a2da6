//! Admission, listing and publishing.

use std::{hint::black_box, sync::Arc};

use mcp_govern_benches::{
    allocations::counted,
    cedar::Cedar,
    clock::{median, nanos_each},
    tenant::{LARGE, Question, SMALL, Tenant, grant, moment},
};
use mcp_govern_core::access::{Admission, Snapshot, admit};

use crate::figure::Figure;

/// How many different questions are asked.
const QUESTIONS: u32 = 4096;
/// How often each measurement is made; the median counts.
const ROUNDS: u32 = 7;

pub(crate) fn figures() -> Vec<Figure> {
    let small = Tenant::new(SMALL);
    let mut large = Tenant::new(LARGE);
    let cedar = Cedar::new(&large);
    let (few, many) = (small.permitted(QUESTIONS), large.permitted(QUESTIONS));
    let requests: Vec<_> = many.iter().map(Cedar::request).collect();
    for (question, request) in many.iter().zip(&requests) {
        assert!(is_permit(&large, question) && cedar.allows(request), "the peers answer different questions");
    }
    assert_denials_agree(&large, &cedar);

    let mut rounds: Vec<[f64; 4]> = Vec::new();
    for _ in 0..ROUNDS {
        let own = admitting(&large, &many);
        let of_small = admitting(&small, &few);
        let peer = nanos_each(QUESTIONS, |turn| {
            black_box(cedar.allows(&requests[turn as usize]));
        });
        rounds.push([own, of_small, peer, listing(&large, &many)]);
    }
    let [own, of_small, peer, list] = [0, 1, 2, 3].map(|at| median(rounds.iter().map(|round| round[at]).collect()));
    let (allocations, permits) = counted(|| many.iter().filter(|question| is_permit(&large, question)).count());
    let listed: usize = many.iter().map(|question| large.snapshot.list(&question.caller, &moment()).len()).sum();
    let (build, publish) = publishing(&mut large);

    vec![
        Figure::new("admit_vs_cedar", own / peer, 1.0 / 50.0, "of its CPU time", {
            format!("{own:.0} ns against {peer:.0} ns, 1/{:.0}", peer / own)
        }),
        Figure::new("admit_allocations", as_f64(allocations), 0.0, "allocations", format!("over {permits} permits")),
        Figure::new("admit_100k_vs_1k", own / of_small, 4.0, "times", format!("{own:.0} ns against {of_small:.0} ns")),
        Figure::new("list_vs_admit", list / own, 50.0, "admissions", {
            format!("{list:.0} ns for {} tools on average", listed / many.len())
        }),
        Figure::new("publish_vs_build", publish / build, 1.0 / 100.0, "of a full rebuild", {
            format!("{:.1} us against {:.0} us, 1/{:.0}", publish / 1e3, build / 1e3, build / publish)
        }),
    ]
}

fn is_permit(tenant: &Tenant, question: &Question) -> bool {
    matches!(admit(&tenant.snapshot, &question.caller, question.index, &moment()), Admission::Permit(_))
}

/// Both sides deny what nobody was granted, so that the figure is not one of two always saying yes.
fn assert_denials_agree(tenant: &Tenant, cedar: &Cedar) {
    let mut denied = 0;
    for number in 0..1000 {
        let question = tenant.question(number, number * 7 % tenant.size.tools);
        let expected = tenant.expected(question.user, question.tool);
        assert_eq!(is_permit(tenant, &question), expected);
        assert_eq!(cedar.allows(&Cedar::request(&question)), expected);
        denied += u32::from(!expected);
    }
    assert!(denied > 900, "hardly a denial among them");
}

fn admitting(tenant: &Tenant, questions: &[Question]) -> f64 {
    let moment = moment();
    nanos_each(QUESTIONS * 32, |turn| {
        let question = &questions[(turn % QUESTIONS) as usize];
        black_box(admit(&tenant.snapshot, black_box(&question.caller), question.index, &moment));
    })
}

fn listing(tenant: &Tenant, questions: &[Question]) -> f64 {
    let moment = moment();
    nanos_each(QUESTIONS, |turn| {
        black_box(tenant.snapshot.list(&questions[turn as usize].caller, &moment));
    })
}

/// Nanoseconds of a full rebuild and of publishing one grant.
fn publishing(tenant: &mut Tenant) -> (f64, f64) {
    let builds = (0..3).map(|_| nanos_each(1, |_| drop(black_box(Snapshot::build(&tenant.state, &tenant.loaded)))));
    let build = median(builds.collect());
    let mut publishes = Vec::new();
    for number in 0..200 {
        let user = number * 499 % tenant.size.users;
        let free = (0..tenant.size.profiles).find(|profile| !tenant.user_profiles[user as usize].contains(profile));
        let Some(profile) = free else { continue };
        let commit = tenant.commit(grant(user, profile));
        // The snapshot before goes away here, too: dropping it is part of the price.
        publishes.push(nanos_each(1, |_| {
            tenant.snapshot = Arc::new(tenant.snapshot.after(&tenant.state, &commit, &tenant.loaded));
        }));
    }
    (build, median(publishes))
}

fn as_f64(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
