/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <pthread.h>
#include <stdlib.h>

#include "ioat_defer.h"
#include "ioat_priv.h"

#define KEEP_US       10000000u /* longer than a thread that is to run waits for a processor */
#define KEEP_SHORT_US 1000000u

struct deferred {
	struct deferred *next;
	void (*release)(void *what);
	void *what;
	uint64_t since_us;
};

static pthread_mutex_t defer_lock = PTHREAD_MUTEX_INITIALIZER;
static struct deferred *defer_list; /* the newest first */

void
ioat_defer_free(void (*release)(void *what), void *what)
{
	struct deferred *d;

	if (what == NULL)
		return;
	d = malloc(sizeof(*d));
	if (d == NULL)
		return;
	*d = (struct deferred){.release = release, .what = what};
	pthread_mutex_lock(&defer_lock);
	d->since_us = ioat_chan_now_us();
	d->next = defer_list;
	defer_list = d;
	pthread_mutex_unlock(&defer_lock);
}

/* Free what is @p keep_us old. Not under the lock: freeing calls EAL. @return whether any was. */
static bool
defer_release(uint64_t keep_us)
{
	struct deferred **at, *old, *d;
	uint64_t now;
	bool any;

	pthread_mutex_lock(&defer_lock);
	now = ioat_chan_now_us();
	for (at = &defer_list; *at != NULL && now - (*at)->since_us < keep_us; at = &(*at)->next)
		;
	old = *at;
	any = old != NULL;
	*at = NULL;
	pthread_mutex_unlock(&defer_lock);
	for (d = old; d != NULL; d = old) {
		old = d->next;
		d->release(d->what);
		free(d);
	}
	return any;
}

void
ioat_defer_sweep(void)
{
	(void)defer_release(KEEP_US);
}

bool
ioat_defer_reclaim(void)
{
	uint64_t age = KEEP_SHORT_US;

	pthread_mutex_lock(&defer_lock);
	if (defer_list != NULL)
		age = ioat_chan_now_us() - defer_list->since_us;
	pthread_mutex_unlock(&defer_lock);
	if (age < KEEP_SHORT_US)
		rte_delay_us_sleep((unsigned int)(KEEP_SHORT_US - age));
	return defer_release(KEEP_SHORT_US);
}
