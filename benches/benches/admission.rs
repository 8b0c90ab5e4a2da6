//! `cargo bench`: admission, listing and publishing at two sizes, and the peer.

use std::{hint::black_box, sync::LazyLock};

use divan::Bencher;
use mcp_govern_benches::{
    cedar::Cedar,
    tenant::{LARGE, Question, SMALL, Size, Tenant, moment},
};
use mcp_govern_core::access::{Snapshot, admit};

static SMALL_TENANT: LazyLock<World> = LazyLock::new(|| World::new(SMALL));
static LARGE_TENANT: LazyLock<World> = LazyLock::new(|| World::new(LARGE));

struct World {
    tenant: Tenant,
    questions: Vec<Question>,
}

impl World {
    fn new(size: Size) -> Self {
        let tenant = Tenant::new(size);
        let questions = tenant.permitted(4096);
        Self { tenant, questions }
    }

    fn of(users: u32) -> &'static Self {
        if users == SMALL.users { &SMALL_TENANT } else { &LARGE_TENANT }
    }

    fn next<'a>(&'a self) -> impl FnMut() -> &'a Question {
        let mut questions = self.questions.iter().cycle();
        move || questions.next().expect("a cycle")
    }
}

#[divan::bench(args = [SMALL.users, LARGE.users])]
fn admitting(bencher: Bencher<'_, '_>, users: u32) {
    let world = World::of(users);
    let (mut next, moment) = (world.next(), moment());
    bencher.bench_local(|| {
        let question = next();
        admit(&world.tenant.snapshot, black_box(&question.caller), question.index, &moment)
    });
}

#[divan::bench(args = [SMALL.users, LARGE.users])]
fn listing(bencher: Bencher<'_, '_>, users: u32) {
    let world = World::of(users);
    let (mut next, moment) = (world.next(), moment());
    bencher.bench_local(|| world.tenant.snapshot.list(&next().caller, &moment));
}

#[divan::bench(args = [SMALL.users, LARGE.users])]
fn resolving(bencher: Bencher<'_, '_>, users: u32) {
    let world = World::of(users);
    let mut next = world.next();
    bencher.bench_local(|| world.tenant.snapshot.resolve(next().caller.principal()));
}

#[divan::bench(args = [SMALL.users, LARGE.users], sample_count = 5, sample_size = 1)]
fn building(bencher: Bencher<'_, '_>, users: u32) {
    let world = World::of(users);
    bencher.bench_local(|| Snapshot::build(&world.tenant.state, &world.tenant.loaded));
}

#[divan::bench]
fn cedar(bencher: Bencher<'_, '_>) {
    let world = World::of(LARGE.users);
    let cedar = Cedar::new(&world.tenant);
    let requests: Vec<_> = world.questions.iter().map(Cedar::request).collect();
    let mut requests = requests.iter().cycle();
    bencher.bench_local(|| cedar.allows(requests.next().expect("a cycle")));
}

fn main() {
    divan::main();
}
