/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Removal of a device that threads of the program may still use: rte_dev_remove() asks nobody. The
 * program is told first (RTE_DEV_EVENT_REMOVE). Then, for all channels together:
 *
 *	1. enqueue functions refuse; completions go on until all are taken, or no thread takes any
 *	2. all functions refuse, so that stop and reset run beside no call
 *	3. the channel is stopped; where that leaves aborted operations, completions go on as in 1
 *	4. close; what a late call may still reach is freed later (ioat_defer.h)
 *
 * A secondary process does 1 and 2 for its own threads, and lets the channel go.
 */

#include <errno.h>
#include <pthread.h>

#include "ioat_priv.h"
#include "ioat_refuse.h"

#define IDLE_US      1000000u /* without a report for so long, no thread polls or no device works */
#define STOPPED_US   20000u   /* the same where the program has stopped the device itself */
#define DRAIN_US     3000000u /* in all; EAL gives a secondary process 5 s for its removal */
#define RECOVERY_US  1000000u
#define POLL_US      100u
#define CHANNELS_MAX 32u

/* One channel that is being removed. */
struct removal {
	struct rte_dma_dev *dev;
	struct ioat_chan *ch;
	struct rte_dma_fp_object before; /* its functions */
	bool started;                    /* when the removal began */
	bool stopped;                    /* by it: what was not rung is not reported */
	uint32_t idle_us;                /* without a report for so long: over */
	uint32_t tail;
	uint16_t head;
	uint64_t since_us; /* head is so since then */
};

/* Devices whose removal waits for callbacks in this thread; a callback may remove others. */
struct announced {
	const struct rte_device *device;
	pthread_t thread;
	struct announced *next;
};

static pthread_mutex_t announced_lock = PTHREAD_MUTEX_INITIALIZER;
static struct announced *announced_list;

static bool
is_announced(const struct rte_device *device)
{
	const struct announced *a;

	pthread_mutex_lock(&announced_lock);
	for (a = announced_list; a != NULL; a = a->next) {
		if (a->device == device && pthread_equal(a->thread, pthread_self()))
			break;
	}
	pthread_mutex_unlock(&announced_lock);
	return a != NULL;
}

/* Returns when all callbacks have: a program stops its threads and its dmadevs in one. */
static void
announce(const struct rte_device *device)
{
	struct announced self = {.device = device, .thread = pthread_self()}, **at;

	pthread_mutex_lock(&announced_lock);
	self.next = announced_list;
	announced_list = &self;
	pthread_mutex_unlock(&announced_lock);
	rte_dev_event_callback_process(device->name, RTE_DEV_EVENT_REMOVE);
	pthread_mutex_lock(&announced_lock);
	for (at = &announced_list; *at != &self; at = &(*at)->next)
		;
	*at = self.next;
	pthread_mutex_unlock(&announced_lock);
}

/* Nothing is left to be reported, or nobody asks. Other threads run meanwhile. */
static bool
removal_is_drained(struct removal *r, uint64_t now)
{
	const struct ioat_chan *ch = r->ch;
	uint16_t head = __atomic_load_n(&ch->op_head, __ATOMIC_RELAXED);
	uint32_t tail = __atomic_load_n(&ch->tail, __ATOMIC_RELAXED);
	uint16_t end = tail + __atomic_load_n(&ch->op_ahead, __ATOMIC_RELAXED);

	if (r->stopped)
		end = ch->op_rung;
	/* One that grows is another process's: this one enqueues no more. */
	if (ch->silent || head == end || tail != r->tail)
		return true;
	if (head != r->head) {
		r->head = head;
		r->since_us = now;
	}
	return now - r->since_us >= r->idle_us;
}

static void
removals_drain(struct removal *r, unsigned int n)
{
	uint64_t now = ioat_chan_now_us(), end = now + DRAIN_US;
	unsigned int i;
	bool busy;

	for (i = 0; i < n; i++) {
		r[i].tail = __atomic_load_n(&r[i].ch->tail, __ATOMIC_RELAXED);
		r[i].head = __atomic_load_n(&r[i].ch->op_head, __ATOMIC_RELAXED);
		r[i].since_us = now;
	}
	for (;;) {
		now = ioat_chan_now_us();
		busy = false;
		for (i = 0; i < n; i++)
			busy |= !removal_is_drained(&r[i], now);
		if (!busy || now >= end)
			return;
		rte_delay_us_sleep(POLL_US);
	}
}

/* A call that recovers the channel lasts longer than any grace, and uses registers. */
static void
removal_wait_recovered(const struct removal *r)
{
	uint64_t end = ioat_chan_now_us() + RECOVERY_US;

	while (__atomic_load_n(&r->ch->recovering, __ATOMIC_ACQUIRE) && ioat_chan_now_us() < end)
		rte_delay_us_sleep(POLL_US);
}

static void
removals_refuse(struct removal *r, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		ioat_refuse_all(r[i].dev->fp_obj);
	ioat_refuse_grace();
	for (i = 0; i < n; i++)
		removal_wait_recovered(&r[i]);
}

/* A channel that cannot be reset fails its first stop; the second finds it stopped. */
static void
removal_stop(const struct removal *r)
{
	const struct rte_dma_dev_data *data = r->dev->data;
	unsigned int tries;

	for (tries = 0; tries < 2 && data->dev_started; tries++)
		rte_dma_stop(data->dev_id);
}

/* Of channels that were started: the operations that stop has aborted are reported, too. */
static void
removals_stop(struct removal *r, unsigned int n)
{
	unsigned int i;
	bool left = false;

	for (i = 0; i < n; i++) {
		r[i].idle_us = r[i].started ? IDLE_US : 0;
		r[i].stopped = true;
		if (!r[i].started)
			continue;
		removal_stop(&r[i]);
		if (r[i].ch->silent || r[i].ch->op_head == r[i].ch->op_rung)
			continue;
		ioat_refuse_restore_completions(r[i].dev->fp_obj, &r[i].before);
		left = true;
	}
	if (!left)
		return;
	removals_drain(r, n);
	removals_refuse(r, n);
}

/* The channels of @p device that have a data path here. @return their number. */
static unsigned int
removals_collect(struct removal *r, const struct rte_device *device)
{
	struct rte_dma_dev *dev = NULL;
	unsigned int n = 0;

	while (n < CHANNELS_MAX && (dev = ioat_mp_dev_next(device, dev)) != NULL) {
		/* NULL: the primary has closed it, or this process cannot reach its registers. */
		if (dev->data->dev_private == NULL ||
		    dev->data->dev_private != dev->fp_obj->dev_private ||
		    ioat_chan_regs(dev->data->dev_private) == NULL)
			continue;
		r[n++] = (struct removal){.dev = dev,
		                          .ch = dev->data->dev_private,
		                          .before = *dev->fp_obj,
		                          .started = dev->data->dev_started,
		                          .idle_us = dev->data->dev_started ? IDLE_US : STOPPED_US};
	}
	return n;
}

/* The primary's channel goes on: forget it here, also while it is started. */
static int
attached_release(struct rte_dma_dev *dev)
{
	ioat_mp_remove(dev);
	if (dev->data->dev_name[0] == '\0') {
		/* Closed by the primary: dmadev has no name left by which it could be released. */
		dev->state = RTE_DMA_DEV_UNUSED;
		return 0;
	}
	dev->state = RTE_DMA_DEV_REGISTERED; /* so that dmadev does not ask whether it is stopped */
	return rte_dma_pmd_release(dev->data->dev_name);
}

int
ioat_dmadev_destroy(const struct rte_device *device)
{
	struct rte_dma_dev *dev;
	int rc = 0;

	while (rc == 0 && (dev = ioat_mp_dev_next(device, NULL)) != NULL)
		rc = rte_eal_process_type() == RTE_PROC_PRIMARY ? rte_dma_close(dev->data->dev_id)
		                                                : attached_release(dev);
	return rc;
}

int
ioat_dmadev_remove(const struct rte_device *device)
{
	struct removal r[CHANNELS_MAX];
	unsigned int n, i;

	if (is_announced(device)) {
		IOAT_LOG(ERR,
		         "%s: a callback of RTE_DEV_EVENT_REMOVE cannot remove the device, it is "
		         "being removed",
		         device->name);
		return -EBUSY;
	}
	if (ioat_mp_dev_next(device, NULL) != NULL)
		announce(device);
	n = removals_collect(r, device);
	if (n > 0) {
		for (i = 0; i < n; i++)
			ioat_refuse_enqueues(r[i].dev->fp_obj);
		ioat_refuse_grace();
		removals_drain(r, n);
		removals_refuse(r, n);
		if (rte_eal_process_type() == RTE_PROC_PRIMARY)
			removals_stop(r, n);
	}
	return ioat_dmadev_destroy(device);
}
