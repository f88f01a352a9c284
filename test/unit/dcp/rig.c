/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "rig.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <rte_bus_vdev.h>
#include <rte_dmadev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "test.h"

#include "dcp_priv.h"
#include "fair.h"

static struct fake_dev *devices[64];

int __real_rte_dma_stop(int16_t dev_id);
int __wrap_rte_dma_stop(int16_t dev_id);
int __real_rte_dma_info_get(int16_t dev_id, struct rte_dma_info *info);
int __wrap_rte_dma_info_get(int16_t dev_id, struct rte_dma_info *info);

static struct fake_dev *
device_of(int16_t dev_id)
{
	return dev_id >= 0 && dev_id < (int)RTE_DIM(devices) ? devices[dev_id] : NULL;
}

int
__wrap_rte_dma_stop(int16_t dev_id)
{
	struct fake_dev *dev = device_of(dev_id);

	if (dev == NULL)
		return __real_rte_dma_stop(dev_id);
	dev->stopped = dev->stop_errno == 0;
	return dev->stop_errno;
}

int
__wrap_rte_dma_info_get(int16_t dev_id, struct rte_dma_info *info)
{
	int rc = __real_rte_dma_info_get(dev_id, info);

	if (rc == 0 && device_of(dev_id) != NULL) {
		info->nb_vchans = FAKE_VCHANS;
		info->max_sges = 4;
		info->dev_capa |= RTE_DMA_CAPA_OPS_FILL | RTE_DMA_CAPA_OPS_COPY_SG;
		info->dev_capa &= ~device_of(dev_id)->lacks;
	}
	return rc;
}

int
rig_eal_init(int argc, char **argv)
{
	rte_cpuset_t all;
	int rc;

	assert_int_equal(pthread_getaffinity_np(pthread_self(), sizeof(all), &all), 0);
	rc = rte_eal_init(argc, argv);
	/* EAL has put this thread on one processor, and the threads of tests would follow. */
	assert_int_equal(pthread_setaffinity_np(pthread_self(), sizeof(all), &all), 0);
	return rc;
}

void
rig_init(void)
{
	static char line[] = "test --no-huge -m 256 --no-pci --no-shconf --no-telemetry -l 0 "
			     "--log-level=critical";
	char *argv[16];

	if (rig_eal_init(test_words(line, argv, 15), argv) < 0) {
		fprintf(stderr, "skipped: EAL does not start here: %s\n", rte_strerror(rte_errno));
		exit(77);
	}
}

/* --- the scripted device */

/* Who is inside, with the lock of the device, loses its processor now and then. Where others want
 * it as well, it comes back after a slice of each of them, at a low priority after seconds, and
 * all that the port's threads do waits for that: so at most a tenth of the time is spent so.
 */
static void
fake_dwell(struct fake_dev *dev)
{
	uint64_t begin, away;

	if (dev->dwell == 0 || ++dev->calls % dev->dwell != 0)
		return;
	begin = rig_now_ns();
	if (begin < dev->dwell_again_ns)
		return;
	sched_yield();
	away = rig_now_ns() - begin;
	dev->dwell_again_ns = begin + 10 * away;
}

static struct fake_vchan *
fake_enter(struct fake_dev *dev, uint16_t vchan)
{
	if (atomic_fetch_add(&dev->inside, 1) != 0)
		atomic_fetch_add(&dev->overlaps, 1);
	if (dev->stopped)
		dev->calls_when_stopped++;
	fake_dwell(dev);
	while (atomic_load(&dev->hold))
		rig_sleep_ms(1);
	return &dev->vchan[vchan];
}

static void
fake_leave(struct fake_dev *dev)
{
	atomic_fetch_sub(&dev->inside, 1);
}

static int
fake_enqueue(struct fake_dev *dev, uint16_t vchan, uint32_t type, uint64_t src, uint64_t dst,
             uint32_t len, uint64_t flags)
{
	struct fake_vchan *v = fake_enter(dev, vchan);
	int rc;

	if (v->in >= v->refuse_from) {
		rc = v->refuse_errno;
	} else if (v->in - v->out >= v->capacity) {
		rc = -ENOSPC;
	} else {
		v->ops[v->in % FAKE_OPS].src = src;
		v->ops[v->in % FAKE_OPS].dst = dst;
		v->ops[v->in % FAKE_OPS].len = len;
		v->ops[v->in % FAKE_OPS].type = type;
		v->ops[v->in % FAKE_OPS].flags = flags;
		rc = (uint16_t)(v->first_idx + v->in++);
	}
	fake_leave(dev);
	return rc;
}

static int
fake_copy(void *priv, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t len, uint64_t flags)
{
	return fake_enqueue(priv, vchan, DCP_OP_COPY, src, dst, len, flags);
}

static int
fake_fill(void *priv, uint16_t vchan, uint64_t pattern, rte_iova_t dst, uint32_t len,
          uint64_t flags)
{
	return fake_enqueue(priv, vchan, DCP_OP_FILL, pattern, dst, len, flags);
}

static int
fake_copy_sg(void *priv, uint16_t vchan, const struct rte_dma_sge *src,
             const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst, uint64_t flags)
{
	return fake_enqueue(priv, vchan, DCP_OP_COPY_SG, src[nb_src - 1].addr, dst[nb_dst - 1].addr,
	                    DCP_SG_LEN(nb_src, nb_dst), flags);
}

static int
fake_submit(void *priv, uint16_t vchan)
{
	struct fake_vchan *v = fake_enter(priv, vchan);
	int rc = v->submit_errno;

	if (rc == 0)
		v->rung = v->in;
	v->submits++;
	fake_leave(priv);
	return rc;
}

static uint16_t
fake_status_of(const struct fake_vchan *v, uint32_t op)
{
	uint64_t src = v->ops[op % FAKE_OPS].src;

	if ((src & ~(uint64_t)UINT16_MAX) == FAKE_SRC(0))
		return (uint16_t)src;
	if (v->fail_every != 0 && op % v->fail_every == v->fail_every - 1)
		return RTE_DMA_STATUS_BUS_READ_ERROR;
	return v->status[op % FAKE_OPS];
}

static uint16_t
fake_completed_status(void *priv, uint16_t vchan, const uint16_t max, uint16_t *last_idx,
                      enum rte_dma_status_code *status)
{
	struct fake_vchan *v = fake_enter(priv, vchan);
	uint32_t allow = atomic_load(&v->allow);
	uint16_t n;

	for (n = 0; n < max && v->out != v->rung && (allow == FAKE_ALL || v->out < allow); n++)
		status[n] = (enum rte_dma_status_code)fake_status_of(v, v->out++);
	*last_idx = (uint16_t)(v->first_idx + v->out - 1 + v->lie_idx);
	if (n != 0)
		n = (uint16_t)(n + v->lie_count);
	fake_leave(priv);
	return n;
}

/* dcp must not use it: see completion of failed operations in doc/dcp.md. */
static uint16_t
fake_completed(void *priv, uint16_t vchan, const uint16_t max, uint16_t *last_idx, bool *has_error)
{
	(void)priv;
	(void)vchan;
	(void)max;
	(void)last_idx;
	(void)has_error;
	fail_msg("rte_dma_completed() was called");
	return 0;
}

static void
fake_install(struct fake_dev *dev)
{
	struct rte_dma_fp_object *obj = &rte_dma_fp_objs[dev->id];

	obj->dev_private = dev;
	obj->copy = fake_copy;
	obj->fill = fake_fill;
	obj->copy_sg = (rte_dma_copy_sg_t)fake_copy_sg;
	obj->submit = fake_submit;
	obj->completed = fake_completed;
	obj->completed_status = fake_completed_status;
}

struct fake_dev *
rig_device(uint32_t capacity)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	const struct rte_dma_vchan_conf vconf = {
		.direction = RTE_DMA_DIR_MEM_TO_MEM,
		.nb_desc = 32,
	};
	struct fake_dev *dev = calloc(1, sizeof(*dev));
	static int number;
	char name[32];

	assert_non_null(dev);
	snprintf(name, sizeof(name), "dma_skeleton%d", number++);
	assert_int_equal(rte_vdev_init(name, NULL), 0);
	dev->id = (int16_t)rte_dma_get_dev_id_by_name(name);
	assert_in_range(dev->id, 0, RTE_DIM(devices) - 1);
	assert_int_equal(rte_dma_configure(dev->id, &conf), 0);
	assert_int_equal(rte_dma_vchan_setup(dev->id, 0, &vconf), 0);
	assert_int_equal(rte_dma_start(dev->id), 0);
	for (int i = 0; i < FAKE_VCHANS; i++) {
		dev->vchan[i].capacity = capacity;
		dev->vchan[i].refuse_from = FAKE_ALL;
		atomic_store(&dev->vchan[i].allow, FAKE_ALL);
	}
	devices[dev->id] = dev;
	fake_install(dev);
	return dev;
}

void
rig_device_free(struct fake_dev *dev)
{
	CHECK_INT(dev->calls_when_stopped, ==, 0);
	CHECK_INT(atomic_load(&dev->overlaps), ==, 0);
	devices[dev->id] = NULL;
	assert_int_equal(__real_rte_dma_stop(dev->id), 0);
	assert_int_equal(rte_dma_close(dev->id), 0);
	free(dev);
}

/* --- ports */

struct dcp_conf
rig_conf(void)
{
	static char name[32];
	static int number;

	snprintf(name, sizeof(name), "port%d", number++);
	return (struct dcp_conf){
		.name = name,
		.socket_id = SOCKET_ID_ANY,
		.max_chans = 8,
		.max_workers = 16,
		.chan_depth = 1024,
		.post_depth = 100,
	};
}

struct dcp_port *
rig_port(void)
{
	struct dcp_conf conf = rig_conf();
	struct dcp_port *port = dcp_create(&conf);

	assert_non_null(port);
	return port;
}

uint16_t
rig_chan(struct dcp_port *port, struct fake_dev *dev, uint32_t flags)
{
	int id = dcp_chan_add(port, dev->id, 0, 0, flags);

	assert_in_range(id, 0, DCP_CHAN_POST - 1);
	return (uint16_t)id;
}

int
rig_issue(struct dcp_port *port, uint16_t chan, uint64_t ctx, uint16_t n)
{
	struct dcp_op ops[256];

	assert_in_range(n, 0, RTE_DIM(ops));
	for (uint16_t i = 0; i < n; i++)
		ops[i] = (struct dcp_op){.ctx = ctx + i, .src = 1, .dst = 2, .len = 64};
	return dcp_issue(port, chan, ops, n);
}

void
rig_post(struct dcp_port *port, uint64_t ctx)
{
	const struct dcp_cpl cpl = {.ctx = ctx};

	assert_int_equal(dcp_post(port, &cpl, 1), 1);
}

struct dcp_worker *
rig_worker(struct dcp_port *port, uint32_t flags)
{
	struct dcp_worker *w = dcp_worker_add(port, flags);

	assert_non_null(w);
	return w;
}

void
rig_end(struct dcp_port *port)
{
	struct dcp_cpl cpl[64];
	struct dcp_worker *w = dcp_worker_add(port, DCP_WORKER_F_NOSLEEP);
	struct fair_clock clock;
	int rc = 0;

	fair_start(&clock);
	dcp_close(port);
	/* With all handles in use there is nobody left to drain: then the test has done it. */
	while (w != NULL && rc != -ESHUTDOWN && fair_now(&clock) <= RIG_PATIENCE)
		rc = dcp_get(w, cpl, RTE_DIM(cpl), 0);
	dcp_worker_del(w);
	for (uint16_t i = 0; i < port->max_chans; i++) {
		if (chan_dev(&port->chans[i]) != NULL)
			CHECK_INT(dcp_chan_del(port, (uint16_t)chan_id(&port->chans[i]), false, 0),
			          ==, 0);
	}
	CHECK_INT(dcp_destroy(port), ==, 0);
}

/* --- waiting for other threads */

uint64_t
rig_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

void
rig_sleep_ms(unsigned int ms)
{
	const struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000 * MS)};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

static unsigned int
count_parked(struct dcp_port *port, bool *lead)
{
	unsigned int n = 0;

	dcp_lock_take(&port->slots.lock);
	*lead = port->slots.leader != NULL;
	for (struct dcp_waiter *w = port->slots.top; w != NULL; w = w->below)
		n++;
	dcp_lock_drop(&port->slots.lock);
	return n;
}

void
rig_wait_parked(struct dcp_port *port, unsigned int n, bool lead)
{
	struct fair_clock clock;
	bool led;

	fair_start(&clock);
	while (count_parked(port, &led) != n || led != lead) {
		if (fair_now(&clock) > RIG_PATIENCE)
			fail_msg("not %u workers parked, %s leader", n, lead ? "a" : "no");
		rig_sleep_ms(1);
	}
}

void
rig_wait_bed(struct dcp_port *port, uint32_t state)
{
	struct fair_clock clock;

	fair_start(&clock);
	while (atomic_load(&port->slots.bed.state) != state) {
		if (fair_now(&clock) > RIG_PATIENCE)
			fail_msg("the leader does not sleep in state %u", state);
		rig_sleep_ms(1);
	}
	rig_sleep_ms(2); /* announced; now it sleeps */
}

void
rig_wait_for(_Atomic uint32_t *word, uint32_t value)
{
	struct fair_clock clock;

	fair_start(&clock);
	while (atomic_load(word) < value) {
		if (fair_now(&clock) > RIG_PATIENCE)
			fail_msg("%u and not %u", atomic_load(word), value);
		rig_sleep_ms(1);
	}
}

void
rig_raise(_Atomic uint64_t *word, uint64_t value)
{
	uint64_t old = atomic_load(word);

	while (old < value && !atomic_compare_exchange_weak(word, &old, value))
		;
}
