/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_TEST_SOAK_H
#define DCP_TEST_SOAK_H

/**
 * @file
 * A long run of everything at once: issuers, posters, workers that come and go, a harvester, and a
 * troublemaker that deletes, aborts and breaks channels and adds them again; in rounds, each with a
 * port of its own that is closed at its end. Every context is followed from issue to delivery.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dcp.h"
#include "rig.h"

#define SOAK_CHANS    4
#define SOAK_ISSUERS  3
#define SOAK_POSTERS  2
#define SOAK_WORKERS  6    /* beside the one that polls on the main lcore */
#define SOAK_SLOTS    1024 /* contexts that an issuer or poster has under way */
#define SOAK_SENDERS  (SOAK_ISSUERS + SOAK_POSTERS)
#define SOAK_PATIENCE (40000 * MS) /* who does not move for so long, by soak.fair_ns, hangs */
#define SOAK_LEN      64           /* bytes, on devices that copy */

/** A context under way. Its owner writes the rest before it goes, a worker reads it after. */
struct soak_slot {
	_Atomic uint32_t live; /* the upper half of the context; 0: free */
	bool bad;              /* this operation fails */
	uint16_t status;       /* what comes back; on real devices any failure if it is bad */
	uint32_t seq;          /* of a post */
};

/** A channel from its addition to its deletion. */
struct soak_chan {
	uint16_t id;
	uint32_t flags;
	struct soak_chan *older;
	_Atomic uint32_t users;     /* issuers inside dcp_issue() */
	_Atomic uint64_t accepted;  /* as dcp_issue() said */
	_Atomic uint64_t checked;   /* records */
	_Atomic uint64_t handed;    /* seq + 1 of the last record that a get has returned */
	_Atomic bool trouble;       /* dcp_issue() may fail */
	_Atomic bool abort;         /* records may be aborted */
	_Atomic uint64_t aborted;   /* records */
	_Atomic uint64_t good_end;  /* seq + 1 of the last that is not aborted */
	_Atomic uint64_t abort_seq; /* the first that is aborted */
	uint64_t serial_next;       /* plain: a serial channel protects it */
	uint32_t base;              /* operations that the scripted device had finished before */
};

/** Where a channel is: a place that lives for the whole run. */
struct soak_place {
	int16_t dev_id;
	uint16_t vchan;
	uint32_t flags;
	struct fake_dev *fake; /* NULL: a real device */
	struct soak_chan *_Atomic now;
};

/** A thread, for the watchdog. */
struct soak_actor {
	const char *role;
	uint32_t number;
	uint64_t seed;
	pthread_t thread;
	bool must_move; /* the others may sleep as long as the port is open */
	_Atomic bool here;
	const _Atomic uint64_t *clock; /* soak.fair_ns */
	_Atomic uint64_t moved_ns;     /* when it last began something, by that clock */
	const char *_Atomic doing;
	_Atomic uint64_t what; /* a context, a channel, a time-out */
	uint32_t cursor;       /* of a sender: its next slot */
	uint32_t nonce;
};

struct soak_totals {
	uint64_t rounds, operations, failed, aborted, posts, channels, workers, harvested;
};

struct soak {
	struct soak_place place[SOAK_CHANS];
	uint16_t nb_places;
	uint8_t *src, *dst; /* of real devices: SOAK_LEN for each slot; NULL on scripted ones */
	struct dcp_port *port;
	struct soak_chan *_Atomic by_id[UINT16_MAX + 1];
	struct soak_chan *chans; /* of this round, by older */
	struct soak_slot slot[SOAK_SENDERS * SOAK_SLOTS];
	struct soak_actor actor[SOAK_SENDERS + SOAK_WORKERS + 4];
	_Atomic uint32_t nb_actors;
	_Atomic bool calm;        /* no more trouble */
	_Atomic bool enough;      /* senders end */
	_Atomic bool closing;     /* dcp_close() is called or about to be */
	_Atomic bool over;        /* the watchdog ends */
	_Atomic uint64_t fair_ns; /* the watchdog's clock: see fair.h */
	_Atomic uint64_t records, posts, failed, aborted, worker_adds, harvested;
	uint64_t nb_chans;
};

/* soak.c */

/** Whether there was enough of everything. */
bool soak_left_nothing_out(const struct soak *s, const struct soak_totals *t);
/** Run rounds for so long, and until nothing is left out, but not for ever; ends the program at the
 * first thing that is wrong.
 */
void soak_run(struct soak *s, unsigned int seconds, struct soak_totals *totals);
void soak_wrong(struct soak *s, const char *what, const struct dcp_cpl *cpl);
/** Say what an actor does now; the watchdog reports it when it hangs. */
void soak_doing(struct soak_actor *a, const char *doing, uint64_t what);
uint32_t soak_dice(struct soak_actor *a, uint32_t sides);
void soak_pause(struct soak_actor *a, uint32_t max_us);

/* soak_watch.c */

/** The body of the watchdog: keeps fair_ns, and ends the program when an actor hangs. */
void *soak_watch(void *s);

/* soak_actors.c: the bodies of threads, and of the main lcore's worker */
struct soak_role {
	struct soak *s;
	struct soak_actor *a;
};
void *soak_issuer(void *role);
void *soak_poster(void *role);
void *soak_worker(void *role);
void *soak_harvester(void *role);
void soak_poll(struct soak *s, struct soak_actor *a, struct dcp_worker *w);

/* soak_check.c */
struct soak_floor {
	const struct soak_chan *chan[SOAK_CHANS];
	uint64_t seq[SOAK_CHANS];
};
/** Before a get: what others had been handed before. */
void soak_look(struct soak *s, struct soak_floor *floor);
/** After it. */
void soak_check(struct soak *s, const struct soak_floor *floor, const struct dcp_cpl *cpl, int n);
/** A channel is gone: whether all is as it should be. */
void soak_check_gone(struct soak *s, struct soak_chan *c, const struct soak_place *p, bool exact);

/* soak_trouble.c */
void soak_add_chan(struct soak *s, struct soak_place *p);
void *soak_troublemaker(void *role);

#endif /* DCP_TEST_SOAK_H */
