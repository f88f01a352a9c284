/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "soak.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define ROUND_MS 3000          /* at most, and what its end takes */
#define MORE_NS  (300000 * MS) /* where processors are scarce: for what was left out so far */

static pthread_mutex_t complaints = PTHREAD_MUTEX_INITIALIZER;

void
soak_doing(struct soak_actor *a, const char *doing, uint64_t what)
{
	atomic_store(&a->doing, doing);
	atomic_store(&a->what, what);
	atomic_store(&a->moved_ns, atomic_load(a->clock));
}

/* xorshift: threads must not share a state. */
uint32_t
soak_dice(struct soak_actor *a, uint32_t sides)
{
	a->seed ^= a->seed << 13;
	a->seed ^= a->seed >> 7;
	a->seed ^= a->seed << 17;
	return (uint32_t)(a->seed >> 11) % sides;
}

void
soak_pause(struct soak_actor *a, uint32_t max_us)
{
	const struct timespec ts = {.tv_nsec = 1000L * soak_dice(a, max_us)};

	nanosleep(&ts, NULL);
}

/* --- what went wrong */

static void
print_actors(struct soak *s)
{
	for (uint32_t i = 0; i < s->nb_actors; i++) {
		struct soak_actor *a = &s->actor[i];

		if (atomic_load(&a->here))
			print_error(
				"  %s %u: %s %" PRIu64 ", for %" PRIu64 " fair ms\n", a->role,
				a->number, atomic_load(&a->doing), atomic_load(&a->what),
				(uint64_t)((atomic_load(&s->fair_ns) - atomic_load(&a->moved_ns)) /
			                   MS));
	}
	for (uint16_t k = 0; k < s->nb_places; k++) {
		struct soak_chan *c = atomic_load(&s->place[k].now);

		if (c != NULL)
			print_error("  place %u: channel %u, %" PRIu64 " accepted, %" PRIu64
			            " delivered\n",
			            k, c->id, atomic_load(&c->accepted), atomic_load(&c->checked));
	}
}

void
soak_wrong(struct soak *s, const char *what, const struct dcp_cpl *cpl)
{
	pthread_mutex_lock(&complaints); /* held until the end: one complaint is enough */
	print_error("%s", what);
	if (cpl != NULL)
		print_error(": ctx %#" PRIx64 ", seq %u, chan %u, status %u", cpl->ctx, cpl->seq,
		            cpl->chan, cpl->status);
	print_error("\n");
	print_actors(s);
	fflush(NULL);
	_exit(1); /* the threads cannot be joined */
}

/* --- a round */

static struct soak_actor *
actor(struct soak *s, const char *role, uint32_t number, bool must_move, uint64_t seed)
{
	struct soak_actor *a = &s->actor[s->nb_actors];

	CHECK_INT(s->nb_actors, <, RTE_DIM(s->actor));
	a->role = role;
	a->number = number;
	a->must_move = must_move;
	a->seed = (seed + s->nb_actors + 1) * 0x9E3779B97F4A7C15u;
	a->cursor = 0;
	a->nonce = 1;
	a->clock = &s->fair_ns;
	soak_doing(a, "begins", 0);
	atomic_store(&a->here, true);
	s->nb_actors++;
	return a;
}

static void
open_port(struct soak *s, struct soak_actor *a)
{
	struct dcp_conf conf = rig_conf();

	conf.max_running = (uint16_t)soak_dice(a, 5);
	conf.chan_depth = 64u << soak_dice(a, 5);
	conf.post_depth = 1 + soak_dice(a, 200);
	conf.spin_us = 1 + soak_dice(a, 30);
	conf.nap_us = 1 + soak_dice(a, 500);
	conf.max_workers = SOAK_WORKERS + 1;
	s->port = dcp_create(&conf);
	assert_non_null(s->port);
	for (uint16_t k = 0; k < s->nb_places; k++)
		soak_add_chan(s, &s->place[k]);
}

/* Ends the round: by closing under the senders' hands, or after they have ended. */
static void *
conduct(void *role)
{
	struct soak *s = ((struct soak_role *)role)->s;
	struct soak_actor *a = ((struct soak_role *)role)->a;
	bool close_first = soak_dice(a, 2) == 0;

	rig_sleep_ms(ROUND_MS / 10 + soak_dice(a, ROUND_MS * 9 / 10));
	soak_doing(a, "waits for the troublemaker", 0);
	atomic_store(&s->calm, true);
	pthread_join(s->actor[1].thread, NULL);
	atomic_store(&s->enough, !close_first);
	soak_pause(a, 3000);
	soak_doing(a, "dcp_close()", 0);
	atomic_store(&s->closing, true);
	dcp_close(s->port);
	soak_pause(a, 3000);
	atomic_store(&s->enough, true);
	atomic_store(&a->here, false);
	return NULL;
}

static void
check_round(struct soak *s)
{
	uint64_t accepted = 0;
	struct soak_chan *c;
	struct dcp_stats st;

	for (uint32_t i = 0; i < SOAK_SENDERS * SOAK_SLOTS; i++) {
		const struct dcp_cpl of = {.ctx = i};

		if (atomic_load(&s->slot[i].live) != 0)
			soak_wrong(s, "a context never came", &of);
	}
	for (uint16_t k = 0; k < s->nb_places; k++) {
		c = atomic_load(&s->place[k].now);
		if (dcp_chan_del(s->port, c->id, false, 0) != 0)
			soak_wrong(s, "a channel could not be deleted after the end", NULL);
		soak_check_gone(s, c, &s->place[k], true);
	}
	assert_int_equal(dcp_stats(s->port, DCP_CHAN_ALL, &st), 0);
	while ((c = s->chans) != NULL) {
		s->chans = c->older;
		accepted += atomic_load(&c->accepted);
		atomic_store(&s->by_id[c->id], NULL);
		free(c);
	}
	CHECK_INT(st.issued, ==, accepted);
	CHECK_INT(st.ok + st.failed + st.aborted, ==, accepted);
	CHECK_INT(st.failed, ==, atomic_load(&s->failed));
	CHECK_INT(st.aborted, ==, atomic_load(&s->aborted));
	CHECK_INT(atomic_load(&s->records), ==, accepted);
	CHECK_INT(st.posts, ==, atomic_load(&s->posts));
	CHECK_INT(dcp_destroy(s->port), ==, 0);
}

static void
count_round(struct soak *s, struct soak_totals *t)
{
	t->rounds++;
	t->operations += atomic_exchange(&s->records, 0);
	t->posts += atomic_exchange(&s->posts, 0);
	t->failed += atomic_exchange(&s->failed, 0);
	t->aborted += atomic_exchange(&s->aborted, 0);
	t->workers += atomic_exchange(&s->worker_adds, 0);
	t->harvested += atomic_exchange(&s->harvested, 0);
	t->channels += s->nb_chans;
	s->nb_chans = 0;
}

static void
run_round(struct soak *s, uint64_t seed)
{
	/* Behind the main lcore; the conductor knows that the troublemaker is number 1. */
	static const struct {
		const char *role;
		void *(*body)(void *);
		uint32_t count, first;
		bool must_move;
	} cast[] = {
		{"troublemaker", soak_troublemaker, 1, 0, true},
		{"conductor", conduct, 1, 0, false},
		{"harvester", soak_harvester, 1, 0, true},
		{"issuer", soak_issuer, SOAK_ISSUERS, 0, true},
		{"poster", soak_poster, SOAK_POSTERS, SOAK_ISSUERS, true},
		{"worker", soak_worker, SOAK_WORKERS, 0, false},
	};
	struct soak_role role[RTE_DIM(s->actor)];
	struct soak_actor *main_lcore;
	struct dcp_worker *w;
	pthread_t watchdog;

	s->nb_actors = 0;
	atomic_store(&s->calm, false);
	atomic_store(&s->enough, false);
	atomic_store(&s->closing, false);
	atomic_store(&s->over, false);
	atomic_store(&s->fair_ns, 0);
	main_lcore = actor(s, "main lcore", 0, true, seed);
	open_port(s, main_lcore);
	w = rig_worker(s->port, DCP_WORKER_F_NOSLEEP); /* before it may be closed */
	for (uint32_t i = 0; i < RTE_DIM(cast); i++) {
		for (uint32_t n = 0; n < cast[i].count; n++) {
			struct soak_role *r = &role[s->nb_actors];

			r->s = s;
			r->a = actor(s, cast[i].role, cast[i].first + n, cast[i].must_move, seed);
			CHECK_INT(pthread_create(&r->a->thread, NULL, cast[i].body, r), ==, 0);
		}
	}
	CHECK_INT(pthread_create(&watchdog, NULL, soak_watch, s), ==, 0);
	soak_poll(s, main_lcore, w);
	for (uint32_t i = 2; i < s->nb_actors; i++)
		pthread_join(s->actor[i].thread, NULL);
	atomic_store(&s->over, true);
	pthread_join(watchdog, NULL);
	check_round(s);
}

bool
soak_left_nothing_out(const struct soak *s, const struct soak_totals *t)
{
	return t->operations > 1000 && t->failed > 0 && t->posts > 0 &&
	       t->channels > t->rounds * s->nb_places && t->workers >= t->rounds;
}

void
soak_run(struct soak *s, unsigned int seconds, struct soak_totals *totals)
{
	uint64_t end = rig_now_ns() + 1000 * MS * seconds, limit = end + MORE_NS, seed;
	const char *text = getenv("SOAK_SEED");

	seed = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
	print_message("# seed %" PRIu64 "\n", seed);
	memset(totals, 0, sizeof(*totals));
	do {
		run_round(s, seed + totals->rounds * 1000);
		count_round(s, totals);
	} while (rig_now_ns() < end || (!soak_left_nothing_out(s, totals) && rig_now_ns() < limit));
}
