/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <stdlib.h>

#include "test.h"

#include "rig.h"
#include "stress.h"

#define FAIL_EVERY 97

/* Operations of a test: STRESS_OPS of the environment, or what the build has chosen. */
static uint32_t
operations(void)
{
	const char *text = getenv("STRESS_OPS");

	return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : STRESS_OPS;
}

static uint16_t
fake_status(void *ctx, uint16_t k, uint32_t seq)
{
	(void)ctx;
	(void)k;
	return seq % FAIL_EVERY == FAIL_EVERY - 1 ? RTE_DMA_STATUS_BUS_READ_ERROR : DCP_ST_OK;
}

/* Three devices, one of them with two channels; rings of different size; indices about to wrap.
 * @return how often they wrapped, all together.
 */
static uint32_t
run_on_fakes(struct stress *s)
{
	struct fake_dev *dev[3];
	uint32_t wraps = 0;

	s->nb_chans = 4;
	s->status = fake_status;
	for (int i = 0; i < 3; i++) {
		dev[i] = rig_device(32u << i);
		for (int v = 0; v < FAKE_VCHANS; v++) {
			dev[i]->vchan[v].fail_every = FAIL_EVERY;
			dev[i]->vchan[v].first_idx = 65500;
		}
		s->dev[i] = dev[i]->id;
	}
	s->dev[3] = dev[0]->id;
	s->vchan[3] = 1;
	stress_run(s);
	for (int i = 0; i < 3; i++) {
		for (int v = 0; v < FAKE_VCHANS; v++)
			wraps += (dev[i]->vchan[v].in + 65500) / 65536;
		rig_device_free(dev[i]);
	}
	return wraps;
}

/* T1, T2, S1, S3: ten million operations where nothing slows them down. The mutants: chan_deliver()
 * puts delivered before it reads the contexts, without the lock; chan_note() forgets to note;
 * chan_ask() asks for more than was issued.
 */
TEST(every_operation_comes_once_and_in_order)
{
	struct stress s = {.total = operations() / 4, .issuers = 4, .workers = 4};

	CHECK_INT(run_on_fakes(&s), >, operations() / 100000);
}

/* S5, S6: slots change hands all the time. */
TEST(so_with_a_limit_workers_that_block_and_time_out)
{
	struct stress s = {
		.total = operations() / 8,
		.issuers = 2,
		.workers = 6,
		.max_running = 2,
		.lazy = 300,
		.timeouts = true,
	};

	run_on_fakes(&s);
}

/* T19. */
TEST(so_with_workers_that_come_and_go)
{
	struct stress s = {
		.total = operations() / 8,
		.issuers = 2,
		.workers = 6,
		.max_running = 3,
		.come_and_go = true,
	};

	run_on_fakes(&s);
}

/* S4. */
TEST(so_on_serial_channels)
{
	struct stress s = {
		.total = operations() / 8,
		.issuers = 2,
		.workers = 4,
		.flags = DCP_CHAN_F_SERIAL,
	};

	run_on_fakes(&s);
}

/* T20: more threads than processors, one of them polling. */
TEST(so_oversubscribed_with_one_that_polls)
{
	struct stress s = {
		.total = operations() / 8,
		.issuers = 3,
		.workers = 8,
		.timeouts = true,
	};

	run_on_fakes(&s);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_stress") == 0 ? 0 : 1;
}
