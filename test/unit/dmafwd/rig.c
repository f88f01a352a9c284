/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_dmadev.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include "packet.h"
#include "test.h"

struct rte_mempool *rig_pool;
struct copy_record rig_recs[RIG_RECORDS];
int rig_owner;
struct copier_group *rig_group;
int rig_stop_errno;

int __real_rte_dma_stop(int16_t dev_id);
int __wrap_rte_dma_stop(int16_t dev_id);

int
__wrap_rte_dma_stop(int16_t dev_id)
{
	return rig_stop_errno != 0 ? rig_stop_errno : __real_rte_dma_stop(dev_id);
}

void
rig_init(void)
{
	static char line[] = "test --no-huge -m 256 --no-pci --no-shconf --no-telemetry -l 0 "
			     "--log-level=critical";
	char *argv[16];

	if (rte_eal_init(test_words(line, argv, 15), argv) < 0) {
		fprintf(stderr, "skipped: EAL does not start here: %s\n", rte_strerror(rte_errno));
		exit(77);
	}
	/* No cache: the count of free buffers is exact. */
	rig_pool = rte_pktmbuf_pool_create("rig", 4096, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (rig_pool == NULL) {
		fprintf(stderr, "skipped: no memory for buffers: %s\n", rte_strerror(rte_errno));
		exit(77);
	}
}

static int
fake_copy(void *priv, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t len, uint64_t flags)
{
	struct fake_dma *f = priv;

	(void)vchan;
	(void)flags;
	if (f->refuse_from >= 0 && f->in >= f->refuse_from)
		return f->refuse_errno;
	if (f->in - f->out >= f->capacity || f->in == FAKE_OPS)
		return -ENOSPC;
	assert_true(len != 0);
	f->ops[f->in].src = (void *)(uintptr_t)src;
	f->ops[f->in].dst = (void *)(uintptr_t)dst;
	f->ops[f->in].len = len;
	return (uint16_t)(f->first_idx + f->in++);
}

static int
fake_submit(void *priv, uint16_t vchan)
{
	struct fake_dma *f = priv;

	(void)vchan;
	if (f->submit_errno != 0)
		return f->submit_errno;
	f->rung = f->in;
	f->submits++;
	return 0;
}

/* Whether one more operation completes now. */
static bool
fake_may_run(const struct fake_dma *f, uint16_t n, uint16_t max)
{
	return n < max && f->out != f->rung && f->allowance != 0;
}

static void
fake_run(struct fake_dma *f)
{
	if (!f->fails[f->out])
		memcpy(f->ops[f->out].dst, f->ops[f->out].src, f->ops[f->out].len);
	f->out++;
	if (f->allowance != UINT32_MAX)
		f->allowance--;
}

static uint16_t
fake_completed_status(void *priv, uint16_t vchan, const uint16_t max, uint16_t *last_idx,
                      enum rte_dma_status_code *status)
{
	struct fake_dma *f = priv;
	uint16_t n;

	(void)vchan;
	for (n = 0; fake_may_run(f, n, max); n++) {
		status[n] = f->fails[f->out] ? RTE_DMA_STATUS_BUS_READ_ERROR
		                             : RTE_DMA_STATUS_SUCCESSFUL;
		fake_run(f);
	}
	*last_idx = (uint16_t)(f->first_idx + f->out - 1 + f->lie);
	return n + f->lie;
}

static uint16_t
fake_burst_capacity(const void *priv, uint16_t vchan)
{
	const struct fake_dma *f = priv;

	(void)vchan;
	return (uint16_t)(f->capacity - (f->in - f->out));
}

struct copier *
rig_copier(struct fake_dma *fake, uint16_t ring_size, uint16_t batch_size)
{
	static int number;
	struct copier_group_conf gc = {.max_devs = 2, .ring_size = ring_size};
	struct copier_dma_conf conf = {.ring_size = ring_size, .batch_size = batch_size};
	struct rte_dma_fp_object *obj;
	struct copier *c = NULL;
	char name[32];

	snprintf(name, sizeof(name), "dma_skeleton%d", number++);
	assert_int_equal(rte_vdev_init(name, NULL), 0);
	conf.dev_id = (int16_t)rte_dma_get_dev_id_by_name(name);
	if (rig_group == NULL)
		assert_int_equal(copier_group_open(&rig_group, &gc), 0);
	conf.group = rig_group;
	assert_int_equal(copier_dma_open(&c, &conf), 0);

	memset(fake, 0, sizeof(*fake));
	fake->capacity = ring_size;
	fake->allowance = UINT32_MAX;
	fake->refuse_from = -1;
	obj = &rte_dma_fp_objs[conf.dev_id];
	obj->dev_private = fake;
	obj->copy = fake_copy;
	obj->submit = fake_submit;
	obj->completed_status = fake_completed_status;
	obj->burst_capacity = fake_burst_capacity;
	rig_stop_errno = 0;
	return c;
}

uint16_t
rig_reap(struct copier *c, struct copy_record *recs, uint16_t n)
{
	if (rig_group != NULL)
		copier_group_poll(rig_group, 1);
	return c->ops->reap(c, recs, n);
}

void
rig_close(struct copier *c)
{
	c->ops->close(c);
	copier_group_close(rig_group);
	rig_group = NULL;
}

static uint8_t
rig_byte(uint32_t seed, uint32_t i)
{
	uint32_t x = (seed + 1) * 2654435761U + i * 40503U;

	return (uint8_t)(x >> 11);
}

struct rte_mbuf *
rig_packet(uint32_t seed, const uint16_t *lens, uint16_t nb_segs)
{
	struct rte_mbuf *head = NULL, *m = NULL;
	uint32_t at = 0;

	for (uint16_t s = 0; s < nb_segs; s++) {
		struct rte_mbuf *next = rte_pktmbuf_alloc(rig_pool);

		assert_non_null(next);
		next->data_len = lens[s];
		for (uint32_t i = 0; i < lens[s]; i++, at++)
			*rte_pktmbuf_mtod_offset(next, uint8_t *, i) = rig_byte(seed, at);
		if (head == NULL)
			head = next;
		else
			m->next = next;
		m = next;
	}
	head->nb_segs = nb_segs;
	head->pkt_len = at;
	return head;
}

struct rte_mbuf *
rig_simple_packet(uint32_t seed, uint16_t len)
{
	return rig_packet(seed, &len, 1);
}

void
rig_check_packet(const struct rte_mbuf *m, uint32_t seed, uint32_t len)
{
	const char *why;
	uint32_t at = 0;

	CHECK_INT(rte_mbuf_check(m, 1, &why), ==, 0);
	CHECK_INT(m->pkt_len, ==, len);
	for (; m != NULL; m = m->next) {
		for (uint32_t i = 0; i < m->data_len; i++, at++)
			CHECK_INT(*rte_pktmbuf_mtod_offset(m, uint8_t *, i), ==,
			          rig_byte(seed, at));
	}
	CHECK_INT(at, ==, len);
}

unsigned int
rig_buffers_in_use(void)
{
	return rte_mempool_in_use_count(rig_pool);
}

/* Packet i of those that are handed over has (i % 3) + 1 segments. */
static const uint16_t seg_lens[] = {300, 40, 2000};

static uint32_t
packet_len(uint32_t i)
{
	return i % 3 == 0 ? 300 : i % 3 == 1 ? 340 : 2340;
}

uint16_t
rig_issue(struct copier *c, uint32_t from, uint32_t to)
{
	struct rte_mbuf *srcs[RIG_RECORDS], *dsts[RIG_RECORDS];
	uint16_t n = (uint16_t)(to - from), taken;
	uint32_t buffers = 0;

	for (uint16_t i = 0; i < n; i++)
		srcs[i] = rig_packet(from + i, seg_lens, (from + i) % 3 + 1);
	CHECK_INT(packet_alloc_copies(rig_pool, srcs, dsts, n, &buffers), ==, n);
	taken = c->ops->issue(c, srcs, dsts, n, &rig_owner);
	rte_pktmbuf_free_bulk(&srcs[taken], n - taken);
	rte_pktmbuf_free_bulk(&dsts[taken], n - taken);
	return taken;
}

void
rig_reap_all(struct copier *c, uint16_t n)
{
	uint16_t got = 0;

	for (int i = 0; i < 10000 && got < n; i++) {
		got += rig_reap(c, rig_recs + got, n - got);
		c->ops->submit(c);
	}
	CHECK_INT(got, ==, n);
}

void
rig_check_records(uint16_t at, uint16_t n, uint32_t from, enum copy_result result)
{
	for (uint16_t i = 0; i < n; i++) {
		struct copy_record *r = &rig_recs[at + i];

		CHECK(r->owner == &rig_owner);
		CHECK_INT(r->result, ==, result);
		CHECK_INT(r->buffers, ==, (from + i) % 3 + 1);
		rig_check_packet(r->dst, from + i, packet_len(from + i));
		rte_pktmbuf_free(r->dst);
	}
}

void
rig_check_closed(struct copier *c, unsigned int buffers_before)
{
	rig_close(c);
	CHECK_INT(rig_buffers_in_use(), ==, buffers_before);
}
