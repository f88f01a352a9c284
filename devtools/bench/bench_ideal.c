/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

#include "bench_common.h"
#include "bench_ideal.h"
#include "ioat_dpdk.h"

#define CHECK_LAPS  5u
#define CHECK_BURST 64u

/* Of the 64 bytes half are stored, as little as a copy of I/OAT needs, or less. */
struct ideal_desc {
	uint64_t control, src, dst, next;
	uint64_t reserved[4];
};

/* Positions run free; what different threads write is in different cache lines. */
struct bench_ideal {
	struct ideal_desc *ring;
	uint32_t mask;
	enum bench_ideal_finish finish;
	enum rte_dma_status_code code; /* of all operations */
	int16_t dev_id;
	struct rte_device device; /* dmadev asks it for its NUMA node */
	_Atomic uint32_t tail;    /* enqueued */
	_Atomic uint32_t doorbell __rte_cache_aligned;
	_Atomic uint32_t status __rte_cache_aligned; /* finished; the device stores it */
	_Atomic uint32_t head __rte_cache_aligned;   /* reported */
} __rte_cache_aligned;

static inline uint32_t
peek(const _Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

/* --- data path */

static int
ideal_submit(void *priv, uint16_t vchan)
{
	struct bench_ideal *d = priv;

	RTE_SET_USED(vchan);
	atomic_store_explicit(&d->doorbell, peek(&d->tail), memory_order_release);
	return 0;
}

static int
ideal_submit_and_finish(void *priv, uint16_t vchan)
{
	struct bench_ideal *d = priv;

	ideal_submit(d, vchan);
	atomic_store_explicit(&d->status, peek(&d->tail), memory_order_release);
	return 0;
}

static int
ideal_copy(void *priv, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
           uint64_t flags)
{
	struct bench_ideal *d = priv;
	uint32_t tail = peek(&d->tail);
	struct ideal_desc *desc = &d->ring[tail & d->mask];

	/* Pairs with the store of who takes completions: the slot is free. */
	if (unlikely(tail - atomic_load_explicit(&d->head, memory_order_acquire) > d->mask))
		return -ENOSPC;
	desc->control = length | flags << 32;
	desc->src = src;
	desc->dst = dst;
	desc->next = (uintptr_t)(desc + 1);
	atomic_store_explicit(&d->tail, tail + 1, memory_order_relaxed);
	if (unlikely((flags & RTE_DMA_OP_FLAG_SUBMIT) != 0)) {
		if (d->finish == BENCH_IDEAL_AT_SUBMIT)
			ideal_submit_and_finish(d, vchan);
		else
			ideal_submit(d, vchan);
	}
	return (uint16_t)tail;
}

static inline uint16_t
take(struct bench_ideal *d, uint16_t max, uint16_t *last_idx)
{
	uint32_t head = peek(&d->head);
	uint32_t n = atomic_load_explicit(&d->status, memory_order_acquire) - head;

	n = RTE_MIN(n, max);
	*last_idx = (uint16_t)(head + n - 1);
	/* Who finds nothing leaves the line to who issues, which reads it. */
	if (n != 0)
		atomic_store_explicit(&d->head, head + n, memory_order_release);
	return (uint16_t)n;
}

static uint16_t
ideal_completed(void *priv, uint16_t vchan, const uint16_t max, uint16_t *last_idx, bool *has_error)
{
	RTE_SET_USED(vchan);
	*has_error = false;
	return take(priv, max, last_idx);
}

static uint16_t
ideal_completed_status(void *priv, uint16_t vchan, const uint16_t max, uint16_t *last_idx,
                       enum rte_dma_status_code *status)
{
	struct bench_ideal *d = priv;
	uint16_t n = take(d, max, last_idx), i;

	RTE_SET_USED(vchan);
	/* Not a constant, of which compilers would make a call of memset(), no one knows which. */
	for (i = 0; i < n; i++)
		status[i] = d->code;
	return n;
}

static uint16_t
ideal_burst_capacity(const void *priv, uint16_t vchan)
{
	const struct bench_ideal *d = priv;

	RTE_SET_USED(vchan);
	return (uint16_t)(d->mask + 1 - (peek(&d->tail) - peek(&d->head)));
}

/* --- control */

static int
ideal_info_get(const struct rte_dma_dev *dev, struct rte_dma_info *info, uint32_t info_sz)
{
	RTE_SET_USED(dev);
	if (info_sz < sizeof(*info))
		return -EINVAL;
	info->dev_capa = RTE_DMA_CAPA_MEM_TO_MEM | RTE_DMA_CAPA_OPS_COPY;
	info->max_vchans = 1;
	info->min_desc = BENCH_IDEAL_RING_MIN;
	info->max_desc = BENCH_IDEAL_RING_MAX;
	return 0;
}

static int
ideal_configure(struct rte_dma_dev *dev, const struct rte_dma_conf *conf, uint32_t conf_sz)
{
	RTE_SET_USED(dev);
	RTE_SET_USED(conf);
	RTE_SET_USED(conf_sz);
	return 0;
}

static int
ideal_vchan_setup(struct rte_dma_dev *dev, uint16_t vchan, const struct rte_dma_vchan_conf *conf,
                  uint32_t conf_sz)
{
	struct bench_ideal *d = dev->data->dev_private;

	RTE_SET_USED(vchan);
	RTE_SET_USED(conf_sz);
	if (!rte_is_power_of_2(conf->nb_desc))
		return -EINVAL;
	rte_free(d->ring);
	d->mask = conf->nb_desc - 1u;
	d->ring = rte_zmalloc(NULL, conf->nb_desc * sizeof(*d->ring), RTE_CACHE_LINE_SIZE);
	return d->ring != NULL ? 0 : -ENOMEM;
}

static int
ideal_start(struct rte_dma_dev *dev)
{
	struct bench_ideal *d = dev->data->dev_private;

	atomic_store(&d->tail, 0);
	atomic_store(&d->doorbell, 0);
	atomic_store(&d->status, 0);
	atomic_store(&d->head, 0);
	return 0;
}

static int
ideal_stop(struct rte_dma_dev *dev)
{
	RTE_SET_USED(dev);
	return 0;
}

static int
ideal_close(struct rte_dma_dev *dev)
{
	struct bench_ideal *d = dev->data->dev_private;

	rte_free(d->ring);
	d->ring = NULL;
	return 0;
}

static const struct rte_dma_dev_ops ideal_ops = {
	.dev_info_get = ideal_info_get,
	.dev_configure = ideal_configure,
	.dev_start = ideal_start,
	.dev_stop = ideal_stop,
	.dev_close = ideal_close,
	.vchan_setup = ideal_vchan_setup,
};

int
bench_ideal_open(struct bench_ideal **out, const char *name, uint32_t nb_desc,
                 enum bench_ideal_finish finish)
{
	struct rte_dma_fp_object *fp;
	struct bench_ideal *d;
	struct rte_dma_dev *dev;
	int rc;

	*out = NULL;
	if (nb_desc < BENCH_IDEAL_RING_MIN || nb_desc > BENCH_IDEAL_RING_MAX ||
	    !rte_is_power_of_2(nb_desc))
		return -EINVAL;
	dev = rte_dma_pmd_allocate(name, SOCKET_ID_ANY, sizeof(*d));
	if (dev == NULL)
		return -ENOMEM;
	d = dev->data->dev_private;
	d->finish = finish;
	d->code = RTE_DMA_STATUS_SUCCESSFUL;
	d->dev_id = dev->data->dev_id;
	d->device.numa_node = SOCKET_ID_ANY;
	dev->device = &d->device;
	dev->dev_ops = &ideal_ops;
	fp = dev->fp_obj;
	fp->dev_private = d;
	fp->copy = ideal_copy;
	fp->submit = finish == BENCH_IDEAL_AT_SUBMIT ? ideal_submit_and_finish : ideal_submit;
	fp->completed = ideal_completed;
	fp->completed_status = ideal_completed_status;
	fp->burst_capacity = ideal_burst_capacity;
	dev->state = RTE_DMA_DEV_READY;
	rc = bench_start(d->dev_id, (uint16_t)nb_desc);
	if (rc < 0)
		rte_dma_pmd_release(name);
	else
		*out = d;
	return rc;
}

int
bench_ideal_close(struct bench_ideal *d)
{
	int rc;

	if (d == NULL)
		return 0;
	rc = rte_dma_stop(d->dev_id);
	return rc < 0 ? rc : rte_dma_close(d->dev_id);
}

int16_t
bench_ideal_id(const struct bench_ideal *d)
{
	return d->dev_id;
}

uint32_t
bench_ideal_finish(struct bench_ideal *d, uint32_t max)
{
	uint32_t status = peek(&d->status);
	uint32_t n = atomic_load_explicit(&d->doorbell, memory_order_acquire) - status;

	n = RTE_MIN(n, max);
	if (n != 0)
		atomic_store_explicit(&d->status, status + n, memory_order_release);
	return n;
}

/* --- check */

#define EXPECT(d, condition)                                                                    \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "ideal device %d, operation %u: not %s\n", (d)->dev_id, \
			        peek(&(d)->tail), #condition);                                  \
			return -EBADMSG;                                                        \
		}                                                                               \
	} while (0)

/* Enqueue n, of which room fit. */
static int
check_enqueue(struct bench_ideal *d, uint32_t n)
{
	const struct ideal_desc *desc;
	uint32_t at;
	int idx;

	for (; n != 0; n--) {
		at = peek(&d->tail);
		desc = &d->ring[at & d->mask];
		idx = rte_dma_copy(d->dev_id, 0, at * 3ull, at * 5ull, at % 999 + 1, 0);
		EXPECT(d, idx == (uint16_t)at);
		EXPECT(d, desc->src == at * 3ull && desc->dst == at * 5ull);
		EXPECT(d, desc->control == at % 999 + 1);
	}
	return 0;
}

/* Take n of those that have finished, in two calls; of the last ones the second asks for more. */
static int
check_take(struct bench_ideal *d, uint16_t n, bool are_last)
{
	enum rte_dma_status_code status[CHECK_BURST + 1];
	uint16_t first = (uint16_t)peek(&d->head), half = n / 2, rest = n - half, last = 0, i;
	uint16_t ask = are_last ? CHECK_BURST : rest;
	bool error = true;

	if (half != 0) {
		EXPECT(d, rte_dma_completed(d->dev_id, 0, half, &last, &error) == half);
		EXPECT(d, last == (uint16_t)(first + half - 1) && !error);
	}
	for (i = 0; i < RTE_DIM(status); i++)
		status[i] = RTE_DMA_STATUS_ERROR_UNKNOWN;
	EXPECT(d, rte_dma_completed_status(d->dev_id, 0, ask, &last, status) == rest);
	EXPECT(d, last == (uint16_t)(first + n - 1));
	for (i = 0; i < RTE_DIM(status); i++)
		EXPECT(d, (status[i] == RTE_DMA_STATUS_SUCCESSFUL) == (i < rest));
	return 0;
}

static int
check_burst(struct bench_ideal *d, uint32_t n)
{
	uint16_t last;
	bool error;
	int rc;

	rc = check_enqueue(d, n);
	if (rc < 0)
		return rc;
	EXPECT(d, rte_dma_burst_capacity(d->dev_id, 0) == d->mask + 1 - n);
	if (n == d->mask + 1)
		EXPECT(d, rte_dma_copy(d->dev_id, 0, 0, 0, 1, 0) == -ENOSPC);
	EXPECT(d, bench_ideal_finish(d, UINT32_MAX) == 0);
	EXPECT(d, rte_dma_completed(d->dev_id, 0, 1, &last, &error) == 0);
	EXPECT(d, rte_dma_submit(d->dev_id, 0) == 0);
	if (d->finish == BENCH_IDEAL_BY_CALL) {
		EXPECT(d, rte_dma_completed(d->dev_id, 0, 1, &last, &error) == 0);
		EXPECT(d, bench_ideal_finish(d, 1) == 1);
		EXPECT(d, bench_ideal_finish(d, UINT32_MAX) == n - 1);
	}
	for (; rc == 0 && n > CHECK_BURST; n -= CHECK_BURST)
		rc = check_take(d, CHECK_BURST, false);
	if (rc == 0)
		rc = check_take(d, (uint16_t)n, true);
	EXPECT(d, rc < 0 || rte_dma_completed(d->dev_id, 0, 1, &last, &error) == 0);
	return rc;
}

int
bench_ideal_check(struct bench_ideal *d)
{
	uint32_t end = peek(&d->tail) + CHECK_LAPS * (d->mask + 1), n = 1;
	int rc = 0;

	EXPECT(d, peek(&d->head) == peek(&d->tail) && peek(&d->status) == peek(&d->tail));
	for (; rc == 0 && (int32_t)(end - peek(&d->tail)) > 0; n = n % CHECK_BURST + 1)
		rc = check_burst(d, RTE_MIN(n, d->mask + 1));
	return rc < 0 ? rc : check_burst(d, d->mask + 1);
}
