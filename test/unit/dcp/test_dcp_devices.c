/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include <rte_dmadev.h>
#include <rte_eal.h>
#include <rte_malloc.h>

#include "test.h"

#include "rig.h"
#include "stress.h"

/* The promises again, on every dmadev that EAL has found: what the arguments name. */

#define DESCRIPTORS 128
#define LENGTH      4096u
#define BAD_EACH    61

static int16_t devices[STRESS_CHANS];
static uint16_t nb_devices;
static bool reports_errors; /* all of them */

static void
find_devices(void)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	const struct rte_dma_vchan_conf vconf = {
		.direction = RTE_DMA_DIR_MEM_TO_MEM,
		.nb_desc = DESCRIPTORS,
	};
	struct rte_dma_info info;
	int16_t id;

	reports_errors = rte_eal_iova_mode() == RTE_IOVA_VA; /* else address 0 may be a good one */
	RTE_DMA_FOREACH_DEV (id) {
		if (nb_devices == STRESS_CHANS)
			break;
		if (rte_dma_configure(id, &conf) != 0 || rte_dma_vchan_setup(id, 0, &vconf) != 0 ||
		    rte_dma_start(id) != 0) {
			printf("Bail out! dmadev %d does not start\n", id);
			exit(1);
		}
		CHECK_INT(rte_dma_info_get(id, &info), ==, 0);
		reports_errors &= (info.dev_capa & RTE_DMA_CAPA_HANDLES_ERRORS) != 0;
		devices[nb_devices++] = id;
	}
}

static void
stress_devices(struct stress *s)
{
	s->length = LENGTH;
	s->bad_each = reports_errors ? BAD_EACH : 0;
	s->nb_chans = nb_devices;
	memcpy(s->dev, devices, sizeof(devices));
	stress_run(s);
}

/* T1*, T2*: ring indices wrap more than once on each channel. */
TEST(every_copy_comes_once_and_in_order)
{
	struct stress s = {.total = STRESS_OPS / 2, .issuers = 2, .workers = 3};

	stress_devices(&s);
}

TEST(so_with_a_limit_workers_that_block_and_time_out)
{
	struct stress s = {
		.total = STRESS_OPS / 8,
		.issuers = 2,
		.workers = 4,
		.max_running = 2,
		.lazy = 300,
		.timeouts = true,
	};

	stress_devices(&s);
}

/* S2: what a worker reads after dcp_get() is what the device has copied. */
TEST(copied_data_is_there_when_the_record_is)
{
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint8_t *buf = rte_malloc("data", 2 * LENGTH, 0);
	int chan = dcp_chan_add(port, devices[0], 0, 0, 0);
	struct dcp_cpl cpl;

	CHECK(buf != NULL);
	CHECK_INT(chan, >=, 0);
	for (uint32_t i = 0; i < 2000; i++) {
		const struct dcp_op op = {
			.ctx = i,
			.src = (rte_iova_t)(uintptr_t)buf,
			.dst = (rte_iova_t)(uintptr_t)(buf + LENGTH),
			.len = 1 + i * 7 % LENGTH,
		};

		memset(buf, (int)(i % 251 + 1), LENGTH);
		memset(buf + LENGTH, 0, LENGTH);
		CHECK_INT(dcp_issue(port, (uint16_t)chan, &op, 1), ==, 1);
		CHECK_INT(dcp_get(w, &cpl, 1, DCP_FOREVER), ==, 1);
		CHECK_INT(cpl.status, ==, DCP_ST_OK);
		CHECK_INT(cpl.ctx, ==, i);
		CHECK_MEM(buf, buf + LENGTH, op.len);
		if (op.len < LENGTH)
			CHECK_INT(buf[LENGTH + op.len], ==, 0);
	}
	dcp_worker_del(w);
	rig_end(port);
	rte_free(buf);
}

/* Copies from @p first and @p second of @p n are to fail. */
static void
check_two_failures(struct dcp_port *port, struct dcp_worker *w, uint16_t chan, uint8_t *buf, int n,
                   int first, int second, uint16_t max)
{
	struct dcp_op ops[8] = {0};
	struct dcp_cpl cpl[8];
	int seen = 0, got;

	for (int i = 0; i < n; i++)
		ops[i] = (struct dcp_op){
			.ctx = (uint64_t)i,
			.src = i == first || i == second ? 0 : (rte_iova_t)(uintptr_t)buf,
			.dst = (rte_iova_t)(uintptr_t)(buf + LENGTH),
			.len = 64,
		};
	CHECK_INT(dcp_issue(port, chan, ops, (uint16_t)n), ==, n);
	for (; seen < n; seen += got) {
		got = dcp_get(w, cpl, max, 5000 * MS);
		CHECK_INT(got, >, 0);
		for (int i = 0; i < got; i++) {
			CHECK_INT(cpl[i].ctx, ==, seen + i);
			CHECK_INT(cpl[i].status != DCP_ST_OK, ==,
			          seen + i == first || seen + i == second);
		}
	}
	CHECK_INT(dcp_get(w, cpl, 1, 0), ==, -EAGAIN);
}

/* T4*. */
TEST(failed_copies_are_reported_in_place)
{
	struct dcp_port *port;
	struct dcp_worker *w;
	uint8_t *buf;
	int chan;

	if (!reports_errors)
		SKIP("the device does not report errors");
	port = rig_port();
	w = rig_worker(port, 0);
	buf = rte_zmalloc("data", 2 * LENGTH, 0);
	CHECK(buf != NULL);
	chan = dcp_chan_add(port, devices[0], 0, 0, 0);
	CHECK_INT(chan, >=, 0);
	for (int n = 1; n <= 8; n += 7) {
		for (int first = 0; first < n; first++) {
			for (int second = first; second < n; second++) {
				for (uint16_t max = 1; max <= 8; max += max == 1 ? 2 : 5)
					check_two_failures(port, w, (uint16_t)chan, buf, n, first,
					                   second, max);
			}
		}
	}
	dcp_worker_del(w);
	rig_end(port);
	rte_free(buf);
}

/* S10. */
TEST(full_ring_is_a_short_count_and_nothing_is_lost)
{
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint8_t *buf = rte_zmalloc("data", 2 * LENGTH, 0);
	int chan = dcp_chan_add(port, devices[0], 0, 0, 0);
	uint32_t issued = 0, came = 0;
	struct dcp_cpl cpl[32];
	struct dcp_op ops[64];
	bool was_short = false;
	int n;

	CHECK(buf != NULL);
	for (uint32_t i = 0; i < RTE_DIM(ops); i++)
		ops[i] = (struct dcp_op){
			.src = (rte_iova_t)(uintptr_t)buf,
			.dst = (rte_iova_t)(uintptr_t)(buf + LENGTH),
			.len = LENGTH,
		};
	while (!was_short) {
		n = dcp_issue(port, (uint16_t)chan, ops, RTE_DIM(ops));
		CHECK_INT(n, >=, 0);
		issued += (uint32_t)n;
		was_short = n < (int)RTE_DIM(ops);
	}
	CHECK_INT(issued, >=, DESCRIPTORS - 1);
	while (came < issued) {
		n = dcp_get(w, cpl, RTE_DIM(cpl), 1000 * MS);
		CHECK_INT(n, >, 0);
		for (int i = 0; i < n; i++)
			CHECK_INT(cpl[i].seq, ==, came + (uint32_t)i);
		came += (uint32_t)n;
	}
	dcp_worker_del(w);
	rig_end(port);
	rte_free(buf);
}

/* T14*. Last: it stops the device. */
TEST(abort_gives_each_operation_one_record)
{
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint8_t *buf = rte_zmalloc("data", 2 * LENGTH, 0);
	int chan = dcp_chan_add(port, devices[0], 0, 0, 0);
	const struct dcp_op op = {
		.src = (rte_iova_t)(uintptr_t)buf,
		.dst = (rte_iova_t)(uintptr_t)(buf + LENGTH),
		.len = LENGTH,
	};
	uint32_t issued = 0, came = 0;
	struct dcp_cpl cpl[32];
	int n;

	CHECK(buf != NULL);
	while (dcp_issue(port, (uint16_t)chan, &op, 1) == 1)
		issued++;
	n = dcp_chan_del(port, (uint16_t)chan, true, 0);
	CHECK_INT(n, ==, -ETIMEDOUT);
	while ((n = dcp_get(w, cpl, RTE_DIM(cpl), 0)) > 0) {
		for (int i = 0; i < n; i++) {
			CHECK_INT(cpl[i].seq, ==, came + (uint32_t)i);
			CHECK(cpl[i].status == DCP_ST_OK || cpl[i].status == DCP_ST_ABORTED);
		}
		came += (uint32_t)n;
	}
	CHECK_INT(came, ==, issued);
	CHECK_INT(dcp_chan_del(port, (uint16_t)chan, true, 0), ==, 0);
	dcp_worker_del(w);
	rig_end(port);
	rte_free(buf);
}

TEST_LIST

int
main(int argc, char **argv)
{
	if (rig_eal_init(argc, argv) < 0) {
		printf("Bail out! EAL does not start\n");
		return 1;
	}
	find_devices();
	if (nb_devices == 0) {
		printf("1..0 # SKIP no dmadev\n");
		return 77;
	}
	return test_run_all("dcp_devices") == 0 ? 0 : 1;
}
