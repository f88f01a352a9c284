/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include "test.h"

#include "dcp.h"
#include "rig.h"

#define BUS RTE_DMA_STATUS_BUS_READ_ERROR

#ifdef SANITIZED
#define WRAPS 3
#else
#define WRAPS 101
#endif

static struct fake_dev *dev;
static struct dcp_port *port;
static struct dcp_worker *w;
static uint16_t chan;
static struct dcp_cpl cpl[256];

static void
begin(uint32_t capacity)
{
	dev = rig_device(capacity);
	port = rig_port();
	w = rig_worker(port, 0);
	chan = rig_chan(port, dev, 0);
}

static void
end(void)
{
	dcp_worker_del(w);
	rig_end(port);
	rig_device_free(dev);
}

static int
get(uint16_t max)
{
	memset(cpl, 0xEE, sizeof(cpl));
	return dcp_get(w, cpl, max, 0);
}

/* Check n records from cpl[0] on: contexts and sequence count up from first. */
static void
check_run(int n, uint32_t first)
{
	for (int i = 0; i < n; i++) {
		CHECK_INT(cpl[i].ctx, ==, first + i);
		CHECK_INT(cpl[i].seq, ==, first + i);
		CHECK_INT(cpl[i].chan, ==, chan);
	}
}

/* --- issue */

TEST(operations_reach_the_device_as_issued)
{
	struct rte_dma_sge sge[3] = {{11, 1}, {12, 1}, {21, 2}};
	const struct dcp_op ops[] = {
		{.src = 1, .dst = 2, .len = 3, .type = DCP_OP_COPY, .flags = DCP_OP_F_FENCE},
		{.pattern = 4, .dst = 5, .len = 6, .type = DCP_OP_FILL, .flags = DCP_OP_F_LLC},
		{.sge = sge, .len = DCP_SG_LEN(2, 1), .type = DCP_OP_COPY_SG},
	};
	const struct fake_vchan *v;

	begin(32);
	v = &dev->vchan[0];
	CHECK_INT(dcp_issue(port, chan, ops, 3), ==, 3);
	CHECK_INT(v->ops[0].src, ==, 1);
	CHECK_INT(v->ops[0].dst, ==, 2);
	CHECK_INT(v->ops[0].len, ==, 3);
	CHECK_INT(v->ops[0].flags, ==, RTE_DMA_OP_FLAG_FENCE);
	CHECK_INT(v->ops[1].type, ==, DCP_OP_FILL);
	CHECK_INT(v->ops[1].src, ==, 4);
	CHECK_INT(v->ops[1].flags, ==, RTE_DMA_OP_FLAG_LLC);
	CHECK_INT(v->ops[2].type, ==, DCP_OP_COPY_SG);
	CHECK_INT(v->ops[2].src, ==, 12);
	CHECK_INT(v->ops[2].dst, ==, 21);
	CHECK_INT(v->submits, ==, 1);
	CHECK_INT(get(256), ==, 3);
	end();
}

/* The mutant: one doorbell only when all were accepted. */
TEST(doorbell_rings_once_for_the_accepted_part)
{
	begin(10);
	CHECK_INT(rig_issue(port, chan, 0, 12), ==, 10);
	CHECK_INT(dev->vchan[0].submits, ==, 1);
	CHECK_INT(rig_issue(port, chan, 10, 1), ==, 0);
	CHECK_INT(dev->vchan[0].submits, ==, 1);
	CHECK_INT(get(256), ==, 10);
	end();
}

TEST(bad_operations_are_refused_behind_their_good_prefix)
{
	struct rte_dma_sge sge[5] = {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
	struct dcp_op bad[] = {
		{.len = 1, .type = DCP_OP_COPY_SG + 1},
		{.len = 1, .flags = RTE_DMA_OP_FLAG_SUBMIT},
		{.len = 0},
		{.len = DCP_SG_LEN(1, 1), .type = DCP_OP_COPY_SG},
		{.len = DCP_SG_LEN(5, 1), .type = DCP_OP_COPY_SG, .sge = sge},
		{.len = DCP_SG_LEN(1, 0), .type = DCP_OP_COPY_SG, .sge = sge},
	};
	struct dcp_op ops[2] = {{.ctx = 1, .len = 1}};

	begin(32);
	for (size_t i = 0; i < RTE_DIM(bad); i++) {
		CHECK_INT(dcp_issue(port, chan, &bad[i], 1), ==, -EINVAL);
		ops[1] = bad[i];
		CHECK_INT(dcp_issue(port, chan, ops, 2), ==, 1);
		CHECK_INT(get(256), ==, 1);
	}
	CHECK_INT(dcp_issue(port, chan, NULL, 0), ==, 0);
	end();
}

TEST(operations_that_the_device_lacks_are_refused)
{
	struct rte_dma_sge sge[2] = {{1, 1}, {2, 1}};
	struct dcp_op ops[] = {
		{.ctx = 1, .len = 1},
		{.len = 1, .type = DCP_OP_FILL},
		{.len = DCP_SG_LEN(1, 1), .type = DCP_OP_COPY_SG, .sge = sge},
	};
	struct fake_dev *plain = rig_device(32);
	uint16_t other;

	begin(32);
	plain->lacks = RTE_DMA_CAPA_OPS_FILL | RTE_DMA_CAPA_OPS_COPY_SG;
	other = rig_chan(port, plain, 0);
	CHECK_INT(dcp_issue(port, other, ops, 3), ==, 1);
	CHECK_INT(dcp_issue(port, other, &ops[1], 1), ==, -ENOTSUP);
	CHECK_INT(dcp_issue(port, other, &ops[2], 1), ==, -ENOTSUP);
	CHECK_INT(get(256), ==, 1);
	end();
	rig_device_free(plain);
}

TEST(errors_of_the_device_reach_the_caller)
{
	begin(32);
	dev->vchan[0].refuse_from = 2;
	dev->vchan[0].refuse_errno = -EIO;
	CHECK_INT(rig_issue(port, chan, 0, 4), ==, 2);
	CHECK_INT(rig_issue(port, chan, 2, 4), ==, -EIO);
	dev->vchan[0].refuse_from = FAKE_ALL;
	CHECK_INT(rig_issue(port, chan, 2, 4), ==, 4);
	CHECK_INT(get(256), ==, 6);
	check_run(6, 0);
	end();
}

/* T15, S10. The mutant: chan_issue() takes -ENOSPC for an error of the device. */
TEST(full_ring_is_a_short_count)
{
	begin(31);
	CHECK_INT(rig_issue(port, chan, 0, 20), ==, 20);
	CHECK_INT(rig_issue(port, chan, 20, 20), ==, 11);
	CHECK_INT(rig_issue(port, chan, 31, 20), ==, 0);
	CHECK_INT(get(5), ==, 5);
	check_run(5, 0);
	CHECK_INT(rig_issue(port, chan, 31, 20), ==, 5);
	CHECK_INT(get(256), ==, 31);
	check_run(31, 5);
	end();
}

/* T15: the port's own bound. */
TEST(full_channel_is_a_short_count_though_the_device_has_room)
{
	begin(1 << 20);
	for (int i = 0; i < 4; i++)
		CHECK_INT(rig_issue(port, chan, i * 256, 256), ==, 256);
	CHECK_INT(rig_issue(port, chan, 1024, 256), ==, 0);
	CHECK_INT(get(100), ==, 100);
	CHECK_INT(rig_issue(port, chan, 1024, 256), ==, 100);
	end();
}

/* T15: the device is the truth, even if counters say room. */
TEST(enospc_with_room_left_is_a_short_count)
{
	struct dcp_stats st;

	begin(32);
	dev->vchan[0].refuse_from = 3;
	dev->vchan[0].refuse_errno = -ENOSPC;
	CHECK_INT(rig_issue(port, chan, 0, 4), ==, 3);
	CHECK_INT(rig_issue(port, chan, 3, 4), ==, 0);
	CHECK_INT(dcp_stats(port, chan, &st), ==, 0);
	CHECK_INT(st.full, ==, 2);
	end();
}

/* --- deliver */

/* S2. The mutant: chan_deliver() takes what is issued for finished. */
TEST(nothing_comes_before_the_device_has_finished_it)
{
	begin(32);
	atomic_store(&dev->vchan[0].allow, 3);
	CHECK_INT(rig_issue(port, chan, 0, 5), ==, 5);
	CHECK_INT(get(256), ==, 3);
	CHECK_INT(get(256), ==, -EAGAIN);
	atomic_store(&dev->vchan[0].allow, 5);
	CHECK_INT(get(256), ==, 2);
	check_run(2, 3);
	end();
}

/* S1, T1: indices of the device wrap, positions do not. */
TEST(contexts_stay_right_when_ring_indices_wrap)
{
	uint32_t at = 0;

	begin(64);
	dev->vchan[0].first_idx = 65530;
	while (at < WRAPS * 65536u) {
		CHECK_INT(rig_issue(port, chan, at, 50), ==, 50);
		CHECK_INT(get(256), ==, 50);
		check_run(50, at);
		at += 50;
	}
	end();
}

/* Operations @p first and @p second of @p n fail; @p noted are noted by a harvest first. */
static void
check_two_failures(int n, int first, int second, uint16_t noted, uint16_t max)
{
	struct fake_vchan *v = &dev->vchan[0];
	uint32_t base = v->in;
	int seen = 0, got;

	memset(v->status, 0, sizeof(v->status));
	v->status[(base + (uint32_t)first) % FAKE_OPS] = BUS;
	v->status[(base + (uint32_t)second) % FAKE_OPS] = BUS;
	CHECK_INT(rig_issue(port, chan, base, (uint16_t)n), ==, n);
	CHECK_INT(dcp_harvest(port, noted), ==, RTE_MIN(n, noted));
	while ((got = get(max)) > 0) {
		check_run(got, base + (uint32_t)seen);
		for (int i = 0; i < got; i++, seen++)
			CHECK_INT(cpl[i].status, ==, seen == first || seen == second ? BUS : 0);
	}
	CHECK_INT(got, ==, -EAGAIN);
	CHECK_INT(seen, ==, n);
}

/* T4. With 1, 2... and all records asked for at a time, with none, some and all of them noted:
 * failures at each place, alone and two, the first, the last and the only one.
 */
TEST(failed_operations_are_reported_in_place)
{
	begin(32);
	for (int n = 1; n <= 8; n++) {
		for (int first = 0; first < n; first++) {
			for (int second = first; second < n; second++) {
				for (uint16_t max = 1; max <= n; max++) {
					check_two_failures(n, first, second, 0, max);
					check_two_failures(n, first, second, 3, max);
					check_two_failures(n, first, second, 8, max);
				}
			}
		}
	}
	end();
}

/* T5, P2, P3. The mutant: dcp_get() counts good ones only. */
TEST(get_returns_records_that_have_all_failed)
{
	begin(32);
	dev->vchan[0].fail_every = 1;
	CHECK_INT(rig_issue(port, chan, 0, 8), ==, 8);
	CHECK_INT(get(256), ==, 8);
	for (int i = 0; i < 8; i++)
		CHECK_INT(cpl[i].status, ==, BUS);
	end();
}

/* S3. The mutant: chan_deliver() asks the device before what is noted has gone. */
TEST(harvest_frees_descriptors_and_keeps_the_order)
{
	begin(31);
	dev->vchan[0].status[1] = BUS;
	CHECK_INT(rig_issue(port, chan, 0, 31), ==, 31);
	CHECK_INT(rig_issue(port, chan, 31, 1), ==, 0);
	CHECK_INT(dcp_harvest(port, 10), ==, 10);
	CHECK_INT(rig_issue(port, chan, 31, 20), ==, 10);
	CHECK_INT(get(4), ==, 4);
	check_run(4, 0);
	CHECK_INT(cpl[1].status, ==, BUS);
	CHECK_INT(get(256), ==, 37);
	check_run(37, 4);
	CHECK_INT(dcp_harvest(port, 10), ==, 0);
	end();
}

/* S11. The mutant: port_poll() begins with the same source each time. */
TEST(each_get_begins_one_source_further)
{
	struct fake_dev *other;
	uint16_t chan2;
	int from[3] = {0};

	begin(1024);
	other = rig_device(1024);
	chan2 = rig_chan(port, other, 0);
	for (int i = 0; i < 30; i++) {
		CHECK_INT(rig_issue(port, chan, 0, 4), ==, 4);
		CHECK_INT(rig_issue(port, chan2, 0, 4), ==, 4);
		rig_post(port, 0);
	}
	for (int i = 0; i < 30; i++) {
		CHECK_INT(get(1), ==, 1);
		from[cpl[0].chan == chan ? 0 : cpl[0].chan == chan2 ? 1 : 2]++;
	}
	CHECK_INT(from[0], ==, 10);
	CHECK_INT(from[1], ==, 10);
	CHECK_INT(from[2], ==, 10);
	end();
	rig_device_free(other);
}

/* --- posts: T18 */

TEST(posts_come_verbatim_but_for_the_channel)
{
	const struct dcp_cpl in[2] = {
		{.ctx = 1, .seq = 2, .chan = 3, .status = 4},
		{.ctx = UINT64_MAX, .seq = UINT32_MAX, .chan = 0, .status = UINT16_MAX},
	};

	begin(32);
	CHECK_INT(dcp_post(port, in, 2), ==, 2);
	CHECK_INT(get(256), ==, 2);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(cpl[i].ctx, ==, in[i].ctx);
		CHECK_INT(cpl[i].seq, ==, in[i].seq);
		CHECK_INT(cpl[i].status, ==, in[i].status);
		CHECK_INT(cpl[i].chan, ==, DCP_CHAN_POST);
	}
	end();
}

TEST(post_queue_holds_exactly_what_was_asked_for)
{
	struct dcp_conf conf;
	struct dcp_port *none;
	const struct dcp_cpl one = {0};

	begin(32);
	for (uint32_t i = 0; i < 100; i++)
		rig_post(port, i);
	CHECK_INT(dcp_post(port, &one, 1), ==, 0);
	CHECK_INT(get(30), ==, 30);
	for (uint32_t i = 0; i < 30; i++)
		rig_post(port, 100 + i);
	CHECK_INT(dcp_post(port, &one, 1), ==, 0);
	CHECK_INT(get(256), ==, 100);
	for (int i = 0; i < 100; i++)
		CHECK_INT(cpl[i].ctx, ==, 30 + i);
	conf = rig_conf();
	conf.post_depth = 0;
	none = dcp_create(&conf);
	CHECK(none != NULL);
	CHECK_INT(dcp_post(none, &one, 1), ==, -EINVAL);
	rig_end(none);
	end();
}

/* --- a device that is not to be believed: T16, T21 */

static void
check_fault_then_abort(uint32_t left)
{
	struct dcp_stats st;
	uint32_t n = 0;

	CHECK_INT(rig_issue(port, chan, 0, 1), ==, -EIO);
	CHECK_INT(dcp_issue(port, chan, NULL, 0), ==, -EIO);
	CHECK_INT(get(256), ==, -EAGAIN);
	CHECK_INT(dcp_stats(port, DCP_CHAN_ALL, &st), ==, 0);
	CHECK_INT(st.faults, ==, 1);
	CHECK_INT(dcp_chan_del(port, chan, false, 0), ==, -EIO);
	CHECK_INT(dcp_chan_del(port, chan, true, 0), ==, -ETIMEDOUT);
	CHECK(dev->stopped);
	CHECK_INT(dcp_stats(port, chan, &st), ==, 0);
	CHECK_INT(st.faults, ==, 0);
	CHECK_INT(get(256), ==, left);
	for (n = 0; n < left; n++)
		CHECK_INT(cpl[n].status, ==, DCP_ST_ABORTED);
	CHECK_INT(dcp_chan_del(port, chan, true, 0), ==, 0);
}

/* T16. The mutant: chan_accept() believes the index. */
TEST(index_that_restarts_is_a_fault_and_no_wrong_context)
{
	begin(32);
	CHECK_INT(rig_issue(port, chan, 0, 10), ==, 10);
	CHECK_INT(get(256), ==, 10);
	dev->vchan[0].first_idx = (uint16_t)-10; /* its next is 0 */
	CHECK_INT(rig_issue(port, chan, 10, 5), ==, 5);
	check_fault_then_abort(5);
	CHECK_INT(cpl[0].ctx, ==, 10);
	end();
}

/* T21. The mutant: chan_ask() believes last_idx. */
TEST(wrong_last_idx_is_a_fault_and_no_wrong_context)
{
	begin(32);
	dev->vchan[0].lie_idx = 1;
	CHECK_INT(rig_issue(port, chan, 0, 5), ==, 5);
	CHECK_INT(get(256), ==, -EAGAIN);
	check_fault_then_abort(5);
	check_run(5, 0);
	end();
}

TEST(more_completions_than_asked_for_are_a_fault)
{
	begin(32);
	dev->vchan[0].lie_count = 1;
	CHECK_INT(rig_issue(port, chan, 0, 5), ==, 5);
	CHECK_INT(get(5), ==, -EAGAIN);
	check_fault_then_abort(5);
	end();
}

TEST(doorbell_that_fails_is_a_fault)
{
	begin(32);
	dev->vchan[0].submit_errno = -EIO;
	CHECK_INT(rig_issue(port, chan, 0, 5), ==, 5);
	check_fault_then_abort(5);
	end();
}

TEST(get_refuses_bad_arguments)
{
	begin(32);
	CHECK_INT(dcp_get(NULL, cpl, 1, 0), ==, -EINVAL);
	CHECK_INT(dcp_get(w, NULL, 1, 0), ==, -EINVAL);
	CHECK_INT(dcp_get(w, cpl, 0, 0), ==, -EINVAL);
	dcp_block(w, true);
	CHECK_INT(dcp_get(w, cpl, 1, 0), ==, -EINVAL);
	dcp_block(w, false);
	CHECK_INT(dcp_get(w, cpl, 1, 0), ==, -EAGAIN);
	end();
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_io") == 0 ? 0 : 1;
}
