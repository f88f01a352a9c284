/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef POLLER_H
#define POLLER_H

/**
 * @file
 * A thread that uses a dmadev without end, whatever happens to that: it enqueues, submits and takes
 * what is completed, and keeps count.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define POLLER_ROOM ((size_t)256 << 10) /* memory of a poller */

struct poller {
	int16_t id;
	uint8_t *mem; /* POLLER_ROOM bytes */
	pthread_t thread;
	atomic_bool stop;
	atomic_uint rounds;
	atomic_uint served;  /* rounds since the device did the first operation well */
	atomic_uint refused; /* rounds in which an operation was refused for good */
	/* For the others once the thread has ended. */
	uint64_t enqueued, good, bad;
	uint64_t away_us; /* the longest time between two rounds */
};

/** Create a thread that may run on any processor. */
void poller_thread(pthread_t *thread, void *(*run)(void *arg), void *arg);

/** Start a thread on dmadev @p id; mem is set. */
void poller_start(struct poller *p, int16_t id);

/** Wait until it has made @p n rounds more, a minute at most. */
void poller_await_rounds(struct poller *p, unsigned int n);

/** Wait until the device has done an operation well, a minute at most. */
void poller_await_service(struct poller *p);

/** Wait until it was refused an operation, a minute at most. */
void poller_await_refusal(struct poller *p);

/** End the thread. */
void poller_end(struct poller *p);

/** Take what is completed, once. */
void poller_take(struct poller *p);

/** Of an ended one: everything it enqueued was reported to it, unless it did not get to run. */
void poller_check(const struct poller *p);

#endif /* POLLER_H */
