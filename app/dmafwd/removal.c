/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "removal.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_errno.h>

#include "log.h"

#define POLL_US 100

static struct {
	pthread_mutex_t lock;
	bool registered;
	struct copier *const *copiers;
	uint16_t n;
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A dmadev is named as its device, or so with the number of a channel behind it. */
static bool
removal_concerns(const char *device, const struct copier *c)
{
	size_t len = strlen(device);

	return c->dev_id >= 0 && strncmp(c->name, device, len) == 0 &&
	       isalnum((unsigned char)c->name[len]) == 0;
}

static bool
removal_is_pending(const char *device)
{
	for (uint16_t i = 0; i < watch.n; i++) {
		const struct copier *c = watch.copiers[i];

		if (removal_concerns(device, c) &&
		    !atomic_load_explicit(&c->left, memory_order_acquire))
			return true;
	}
	return false;
}

static void
removal_on_event(const char *device, enum rte_dev_event_type event, void *ctx)
{
	(void)ctx;
	if (event != RTE_DEV_EVENT_REMOVE)
		return;
	pthread_mutex_lock(&watch.lock);
	for (uint16_t i = 0; i < watch.n; i++) {
		struct copier *c = watch.copiers[i];

		if (removal_concerns(device, c))
			atomic_store_explicit(&c->leave, true, memory_order_relaxed);
	}
	for (uint64_t us = 0; us < REMOVAL_WAIT_MS * 1000 && removal_is_pending(device);
	     us += POLL_US)
		rte_delay_us_sleep(POLL_US);
	if (removal_is_pending(device))
		FWD_LOG(WARNING, "device %s is removed, and its lcore has not stopped it in %d ms",
		        device, REMOVAL_WAIT_MS);
	pthread_mutex_unlock(&watch.lock);
}

int
removal_watch(struct copier *const *copiers, uint16_t n)
{
	int rc = 0;

	pthread_mutex_lock(&watch.lock);
	/* Never taken back: EAL would take the callbacks of all drivers, too. */
	if (!watch.registered)
		rc = rte_dev_event_callback_register(NULL, removal_on_event, NULL);
	watch.registered |= rc == 0;
	if (rc == 0) {
		watch.copiers = copiers;
		watch.n = n;
	}
	pthread_mutex_unlock(&watch.lock);
	if (rc != 0)
		FWD_LOG(ERR, "the removal of devices cannot be followed: %s", rte_strerror(-rc));
	return rc;
}

void
removal_unwatch(void)
{
	pthread_mutex_lock(&watch.lock);
	watch.n = 0;
	pthread_mutex_unlock(&watch.lock);
}
