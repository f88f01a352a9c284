/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <inttypes.h>
#include <stdlib.h>

#include <rte_dmadev.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "test.h"

#include "soak.h"

/*
 * T20, and S1 to S4, S6, S10, S12 at once, for SOAK_SECONDS of the environment: on scripted
 * devices, or with arguments on every dmadev that EAL finds by them.
 */

static bool real_devices;
static struct soak soak;

static unsigned int
seconds(void)
{
	const char *text = getenv("SOAK_SECONDS");

	return text != NULL ? (unsigned int)strtoul(text, NULL, 10) : SOAK_SECONDS;
}

/* Three devices, one of them with two channels; two channels are serial. */
static void
take_fakes(void)
{
	for (uint16_t k = 0; k < SOAK_CHANS; k++) {
		struct soak_place *p = &soak.place[k];
		struct fake_dev *dev = k == 0 ? NULL : soak.place[k - 1].fake;

		if (k != 1) {
			dev = rig_device(32u << k);
			dev->dwell = 64; /* who holds the lock is preempted now and then */
		}
		p->fake = dev;
		p->dev_id = dev->id;
		p->vchan = k == 1;
		p->flags = k % 2 == 1 ? DCP_CHAN_F_SERIAL : 0;
	}
	soak.nb_places = SOAK_CHANS;
}

static void
take_real(void)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	const struct rte_dma_vchan_conf vconf = {
		.direction = RTE_DMA_DIR_MEM_TO_MEM,
		.nb_desc = 64,
	};
	size_t size = sizeof(soak.slot) / sizeof(soak.slot[0]) * SOAK_LEN;
	int16_t id;

	RTE_DMA_FOREACH_DEV (id) {
		struct soak_place *p = &soak.place[soak.nb_places];

		if (soak.nb_places == SOAK_CHANS)
			break;
		CHECK_INT(rte_dma_configure(id, &conf), ==, 0);
		CHECK_INT(rte_dma_vchan_setup(id, 0, &vconf), ==, 0);
		CHECK_INT(rte_dma_start(id), ==, 0);
		p->dev_id = id;
		p->flags = soak.nb_places++ % 2 == 1 ? DCP_CHAN_F_SERIAL : 0;
	}
	CHECK_INT(soak.nb_places, >, 0);
	soak.src = rte_zmalloc("soak", size, 0);
	soak.dst = rte_zmalloc("soak", size, 0);
	CHECK(soak.src != NULL && soak.dst != NULL);
}

/* One thread polls; SOAK_WORKERS, SOAK_SENDERS and four more share the processors with it. */
TEST(everything_comes_once_in_order_and_right_through_all_kinds_of_trouble)
{
	struct soak_totals t;

	if (real_devices)
		take_real();
	else
		take_fakes();
	soak_run(&soak, seconds(), &t);
	print_message("# %" PRIu64 " operations, %" PRIu64 " failed, %" PRIu64 " aborted, %" PRIu64
	              " posts; %" PRIu64 " rounds, %" PRIu64 " channels, %" PRIu64
	              " workers, %" PRIu64 " harvested\n",
	              t.operations, t.failed, t.aborted, t.posts, t.rounds, t.channels, t.workers,
	              t.harvested);
	CHECK(soak_left_nothing_out(&soak, &t));
	for (uint16_t k = 0; k < soak.nb_places && !real_devices; k++) {
		if (k != 1)
			rig_device_free(soak.place[k].fake);
	}
	rte_free(soak.src);
	rte_free(soak.dst);
}

TEST_LIST

int
main(int argc, char **argv)
{
	real_devices = argc > 1;
	if (!real_devices) {
		rig_init();
	} else if (rig_eal_init(argc, argv) < 0) {
		printf("Bail out! EAL does not start: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	return test_run_all("dcp_soak") == 0 ? 0 : 1;
}
