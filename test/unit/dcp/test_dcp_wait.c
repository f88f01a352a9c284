/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <sched.h>

#include "test.h"

#include "dcp_os.h"
#include "dcp_priv.h"
#include "getter.h"
#include "rig.h"

/* --- how long the leader means to nap */

static const _Atomic uint32_t *nap_bed; /* whose naps are looked at; set while no worker is there */
static _Atomic uint64_t longest_nap_ns;

void __real_dcp_os_sleep(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns);
void __wrap_dcp_os_sleep(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns);

void
__wrap_dcp_os_sleep(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	uint64_t now = dcp_os_now_ns();

	if (word == nap_bed && value == DCP_BED_NAP && deadline_ns > now)
		rig_raise(&longest_nap_ns, deadline_ns - now);
	__real_dcp_os_sleep(word, value, deadline_ns);
}

/* --- noticing work: T11 */

/* T11, S6. The mutant: lead_sleep() sleeps deeply although operations are in flight. */
TEST(device_that_finishes_while_all_sleep_is_noticed)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();
	uint16_t chan = rig_chan(port, dev, 0);
	struct getter *g[2];

	atomic_store(&dev->vchan[0].allow, 0);
	CHECK_INT(rig_issue(port, chan, 0, 20), ==, 20);
	for (int i = 0; i < 2; i++)
		g[i] = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 1, true);
	for (uint32_t i = 1; i <= 20; i++) {
		rig_sleep_ms(2);
		atomic_store(&dev->vchan[0].allow, i);
		while (atomic_load(&g[0]->records) + atomic_load(&g[1]->records) < i)
			rig_sleep_ms(1);
	}
	dcp_close(port);
	for (int i = 0; i < 2; i++)
		getter_join(g[i]);
	rig_end(port);
	rig_device_free(dev);
}

/* T11, S6: by how much. The machine may be late, even most of the time, the port may not. The
 * mutant: naps grow without end.
 */
TEST(finished_operation_is_delivered_within_a_nap_and_a_millisecond)
{
	const uint32_t wanted = 20, rounds_max = 500, nap_us = 1000;
	struct fake_dev *dev = rig_device(64);
	struct dcp_port *port = limited_port(0, nap_us);
	uint16_t chan = rig_chan(port, dev, 0);
	uint32_t rounds = 0, on_time = 0;
	struct getter *g[2];

	nap_bed = &port->slots.bed.state;
	atomic_store(&longest_nap_ns, 0);
	atomic_store(&dev->vchan[0].allow, 0);
	for (int i = 0; i < 2; i++)
		g[i] = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 1, true);
	while (on_time < wanted && rounds < rounds_max) {
		uint64_t start;

		CHECK_INT(rig_issue(port, chan, rounds++, 1), ==, 1);
		rig_sleep_ms(13); /* the nap is as long as it may be; without a bound, 10 ms */
		start = rig_now_ns();
		atomic_store(&dev->vchan[0].allow, rounds);
		while (atomic_load(&g[0]->records) + atomic_load(&g[1]->records) < rounds)
			sched_yield();
		on_time += rig_now_ns() - start <= nap_us * 1000 + MS;
	}
	print_message("# %u of %u came on time\n", on_time, rounds);
	CHECK_INT(on_time, ==, wanted);
	CHECK_INT(atomic_load(&longest_nap_ns), >, nap_us * 900); /* it has got there */
	CHECK_INT(atomic_load(&longest_nap_ns), <=, nap_us * 1000);
	dcp_close(port);
	for (int i = 0; i < 2; i++)
		getter_join(g[i]);
	nap_bed = NULL;
	rig_end(port);
	rig_device_free(dev);
}

/* T11. The mutants: dcp_issue() does not rouse; dcp_post() rouses the deeply asleep only. */
TEST(work_wakes_the_leader_from_its_sleep)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = limited_port(0, 100000);
	uint16_t chan = rig_chan(port, dev, 0);
	struct getter *g = getter_start(port, DCP_FOREVER, UINT32_MAX);
	uint32_t woken = 0;

	for (uint32_t i = 1; i <= 20; i++) {
		rig_wait_bed(port, DCP_BED_DEEP);
		CHECK_INT(rig_issue(port, chan, i, 1), ==, 1);
		rig_wait_for(&g->records, i);
	}
	/* Operations in flight, so that it naps, up to 100 ms: a post does not wait for that. */
	atomic_store(&dev->vchan[0].allow, 20);
	CHECK_INT(rig_issue(port, chan, 0, 1), ==, 1);
	for (uint32_t i = 1; i <= 5; i++) {
		rig_sleep_ms(200);
		rig_wait_bed(port, DCP_BED_NAP);
		rig_post(port, i);
		/* The post itself has ended the nap, unless the record is even here. */
		woken += atomic_load(&port->slots.bed.state) == DCP_BED_AWAKE ||
		         atomic_load(&g->records) == 20 + i;
		rig_wait_for(&g->records, 20 + i);
	}
	CHECK_INT(woken, >=, 4); /* naps end by themselves, too */
	atomic_store(&dev->vchan[0].allow, FAKE_ALL);
	dcp_close(port);
	getter_join(g);
	rig_end(port);
	rig_device_free(dev);
}

/* A failed channel brings nothing until it is aborted: no reason to stay up. */
TEST(failed_channel_lets_the_port_sleep_and_its_abort_wakes_it)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();
	uint16_t chan = rig_chan(port, dev, 0);
	struct getter *g;

	dev->vchan[0].lie_idx = 5;
	CHECK_INT(rig_issue(port, chan, 0, 3), ==, 3);
	g = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_bed(port, DCP_BED_DEEP);
	CHECK_INT(dcp_chan_del(port, chan, true, 5000 * MS), ==, 0);
	CHECK_INT(atomic_load(&g->records), ==, 3);
	dcp_close(port);
	getter_join(g);
	rig_end(port);
	rig_device_free(dev);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_wait") == 0 ? 0 : 1;
}
