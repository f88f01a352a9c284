/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * The channels that this process has open, and how a secondary process finds those of the primary.
 *
 * struct ioat_chan lies in memory that all processes share, at one address. What holds in one
 * process only (the dmadev, the way to the registers) is kept here, once per process. A memzone
 * leads secondary processes to the channels, so that attaching to one asks no register.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "ioat_defer.h"
#include "ioat_priv.h"
#include "ioat_refuse.h"

#define SHARED_ZONE  "ioat_pmd_channels"
#define EXIT_SECONDS 1

/** Where the channels of the primary process are. */
struct mp_shared {
	uint32_t layout; /* sizeof(struct ioat_chan): another build of the driver has another */
	struct ioat_chan *first;
};

/** One channel as this process sees it. */
struct mp_local {
	struct mp_local *next;
	struct rte_dma_dev *dev;
	struct ioat_chan *ch;
	pid_t pid;
	struct ioat_mmio regs; /* of a secondary process; no ops: out of reach */
};

/* Recursive: those who hold it ask for registers, too. */
static pthread_mutex_t local_lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct mp_local *locals;
static struct mp_shared *shared;

static struct mp_local *
local_find(const struct ioat_chan *ch)
{
	struct mp_local *l;

	for (l = locals; l != NULL && l->ch != ch; l = l->next)
		;
	return l;
}

const struct ioat_mmio *
ioat_chan_regs(const struct ioat_chan *ch)
{
	static const struct ioat_mmio gone = {.ops = &ioat_gone_mmio_ops};
	const struct mp_local *l;

	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		return &ch->regs;
	/* EAL's own thread may remove the channel at any time: what was found stays for a while. */
	pthread_mutex_lock(&local_lock);
	l = local_find(ch);
	pthread_mutex_unlock(&local_lock);
	if (l == NULL)
		return &gone;
	return l->regs.ops == NULL ? NULL : &l->regs;
}

/* Only the primary keeps the pointer: it may free the zone and make another. */
static int
shared_open(void)
{
	const struct rte_memzone *mz;

	if (shared != NULL)
		return 0;
	mz = rte_memzone_reserve(SHARED_ZONE, sizeof(*shared), SOCKET_ID_ANY, 0);
	if (mz == NULL)
		return -rte_errno;
	shared = mz->addr;
	*shared = (struct mp_shared){.layout = sizeof(struct ioat_chan)};
	return 0;
}

int
ioat_mp_add(struct rte_dma_dev *dev, struct ioat_chan *ch, const struct ioat_mmio *regs)
{
	struct mp_local *l = calloc(1, sizeof(*l)), **end;
	bool primary = rte_eal_process_type() == RTE_PROC_PRIMARY;
	int rc = l == NULL ? -ENOMEM : 0;

	if (rc < 0)
		return rc;
	l->dev = dev;
	l->ch = ch;
	l->pid = getpid();
	if (regs != NULL)
		l->regs = *regs;
	pthread_mutex_lock(&local_lock);
	if (primary)
		rc = shared_open();
	if (rc < 0) {
		pthread_mutex_unlock(&local_lock);
		free(l);
		return rc;
	}
	for (end = &locals; *end != NULL; end = &(*end)->next)
		; /* oldest first, as people expect of a list */
	*end = l;
	if (primary) {
		ch->next = shared->first;
		shared->first = ch;
	}
	pthread_mutex_unlock(&local_lock);
	return 0;
}

void
ioat_mp_lock(void)
{
	pthread_mutex_lock(&local_lock);
}

void
ioat_mp_unlock(void)
{
	pthread_mutex_unlock(&local_lock);
}

void
ioat_mp_remove(const struct rte_dma_dev *dev)
{
	struct mp_local **at, *gone = NULL;
	struct ioat_chan **in;

	pthread_mutex_lock(&local_lock);
	for (at = &locals; *at != NULL; at = &(*at)->next) {
		if ((*at)->dev == dev) {
			gone = *at;
			*at = gone->next;
			break;
		}
	}
	if (shared != NULL && gone != NULL) {
		for (in = &shared->first; *in != NULL; in = &(*in)->next) {
			if (*in == gone->ch) {
				*in = gone->ch->next;
				break;
			}
		}
		/* EAL forgets its memory when it is cleaned up: leave nothing that points there. */
		if (locals == NULL) {
			rte_memzone_free(rte_memzone_lookup(SHARED_ZONE));
			shared = NULL;
		}
	}
	pthread_mutex_unlock(&local_lock);
	ioat_defer_free(free, gone); /* a thread may be at its registers */
}

struct rte_dma_dev *
ioat_mp_dev_next(const struct rte_device *device, const struct rte_dma_dev *after)
{
	struct rte_dma_dev *dev = NULL;
	struct mp_local *l;

	pthread_mutex_lock(&local_lock);
	for (l = locals; l != NULL && dev == NULL; l = l->next) {
		if (l->dev->device == device && after == NULL)
			dev = l->dev;
		if (l->dev == after)
			after = NULL;
	}
	pthread_mutex_unlock(&local_lock);
	return dev;
}

struct ioat_chan *
ioat_mp_chan_of(const char *device, const struct ioat_chan *after)
{
	const struct rte_memzone *mz = rte_memzone_lookup(SHARED_ZONE);
	const struct mp_shared *theirs;
	struct ioat_chan *ch;

	if (mz == NULL)
		return NULL;
	theirs = mz->addr;
	if (theirs->layout != sizeof(struct ioat_chan)) {
		IOAT_LOG(ERR, "%s: the primary process runs another build of this driver", device);
		return NULL;
	}
	for (ch = after == NULL ? theirs->first : after->next; ch != NULL; ch = ch->next)
		if (strcmp(ch->device, device) == 0)
			return ch;
	return NULL;
}

int
ioat_mp_visit(int dev_id, int (*visit)(int16_t id, const struct ioat_chan *ch, void *arg),
              void *arg)
{
	int rc = dev_id < 0 ? 0 : -ENODEV;
	struct mp_local *l;

	/* The lock keeps the channel from being closed meanwhile. */
	pthread_mutex_lock(&local_lock);
	for (l = locals; l != NULL; l = l->next)
		if (l->dev->data != NULL && /* else closed by the primary */
		    l->dev->data->dev_private == l->ch &&
		    (dev_id < 0 || l->dev->data->dev_id == dev_id))
			rc = visit(l->dev->data->dev_id, l->ch, arg);
	pthread_mutex_unlock(&local_lock);
	return rc;
}

/*
 * At exit of a process that closed nothing: EAL frees no memory then, but the kernel does, and a
 * function on uio would go on writing there. A child of the primary is not the primary.
 */
RTE_FINI(ioat_mp_exit)
{
	struct timespec end;
	struct mp_local *l;
	bool locked;

	if (locals == NULL || locals->pid != getpid() || rte_eal_process_type() != RTE_PROC_PRIMARY)
		return;
	/* A thread may hold it for ever, with a dump into a pipe that nobody reads. */
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += EXIT_SECONDS;
	locked = pthread_mutex_timedlock(&local_lock, &end) == 0;
	for (l = locals; l != NULL; l = l->next) {
		/* A thread that still polls must not take the reset for a halt. */
		l->ch->lost = true;
		l->ch->closed = true;
		(void)ioat_chan_close(l->ch);
	}
	if (locked)
		pthread_mutex_unlock(&local_lock);
}
