/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * A PCI function that is removed while a thread still uses it: EAL unmaps the BAR right after, so
 * nothing may read, write or ring there any more. The function is one that the model answers.
 */

#include <errno.h>

#include "fake_pci.h"
#include "poller.h"

#include <rte_malloc.h>

static struct poller poller[2];
static atomic_bool device_ends;

/* The device works by itself, as silicon does. */
static void *
run_device(void *arg __rte_unused)
{
	while (!atomic_load(&device_ends)) {
		fake_run();
		rte_delay_us_sleep(50);
	}
	return NULL;
}

static pthread_t device;

static void
start_device(void)
{
	atomic_store(&device_ends, false);
	poller_thread(&device, run_device, NULL);
}

static void
end_device(void)
{
	atomic_store(&device_ends, true);
	pthread_join(device, NULL);
}

/* The BAR goes away: what is done to it from now on counts as late. */
static void
pull(void)
{
	CHECK_INT(fake_remove(), ==, 0);
	atomic_store(&fake.pulled, true);
	memset(fake.bar, 0xa5, sizeof(fake.bar));
}

static void
check_untouched(void)
{
	size_t i;

	CHECK_INT(fake.late, ==, 0);
	for (i = 0; i < sizeof(fake.bar); i++)
		CHECK_INT(fake.bar[i], ==, 0xa5);
}

TEST(thread_that_polls_misses_nothing_and_touches_no_bar_after_the_removal)
{
	struct poller *p = &poller[0];
	int i;

	for (i = 0; i < 20; i++) {
		fake_plug(i % 2 == 0 ? IOAT_MODEL_ICX : IOAT_MODEL_IVB, 1);
		start_device();
		poller_start(p, fake_start());
		poller_await_rounds(p, (unsigned int)i % 8);
		/* First what the device thread needs the BAR for, then it. */
		CHECK_INT(fake_remove(), ==, 0);
		end_device();
		pull();
		poller_await_refusal(p);
		poller_await_rounds(p, 200);
		poller_end(p);
		poller_check(p);
		check_untouched();
		ioat_model_destroy(fake.model);
	}
}

TEST(device_that_does_nothing_any_more_is_removed_and_its_operations_are_reported)
{
	struct poller *p = &poller[0];

	fake_plug(IOAT_MODEL_ICX, 1);
	start_device();
	poller_start(p, fake_start());
	poller_await_service(p);
	fake.frozen = true;
	poller_await_rounds(p, 10);
	pull();
	end_device();
	poller_await_refusal(p);
	poller_await_rounds(p, 200);
	poller_end(p);
	poller_check(p);
	CHECK_INT(p->bad, >, 0);
	check_untouched();
	ioat_model_destroy(fake.model);
}

TEST(device_that_has_gone_before_is_removed_and_its_operations_are_reported)
{
	struct poller *p = &poller[0];

	fake_plug(IOAT_MODEL_ICX, 1);
	start_device();
	poller_start(p, fake_start());
	poller_await_service(p);
	fake.frozen = true;
	fake.gone = true;
	pull();
	end_device();
	poller_await_rounds(p, 200);
	poller_end(p);
	poller_check(p);
	check_untouched();
	ioat_model_destroy(fake.model);
}

TEST(call_that_began_before_the_removal_touches_no_bar)
{
	struct rte_dma_fp_object late;
	uint8_t *mem = poller[0].mem;
	bool error = false;
	uint16_t last;
	int i;

	fake_plug(IOAT_MODEL_IVB, 1); /* a part whose watchdog reads registers */
	late = rte_dma_fp_objs[fake_start()];
	CHECK_INT(late.copy(late.dev_private, 0, (uintptr_t)mem, (uintptr_t)mem + 64, 64, 0), ==,
	          0);
	fake.frozen = true;
	pull();
	CHECK_INT(late.submit(late.dev_private, 0), ==, -EIO);
	CHECK_INT(late.copy(late.dev_private, 0, (uintptr_t)mem, (uintptr_t)mem + 64, 70000,
	                    RTE_DMA_OP_FLAG_SUBMIT),
	          ==, -EIO);
	for (i = 0; i < 1000; i++)
		CHECK_INT(late.completed(late.dev_private, 0, 1, &last, &error), ==, 0);
	check_untouched();
	ioat_model_destroy(fake.model);
}

TEST(channels_of_a_function_are_removed_beside_a_thread_on_each)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = 64};
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	char name[RTE_DEV_NAME_MAX_LEN];
	int16_t id;
	size_t i;

	fake_plug(IOAT_MODEL_SKX, RTE_DIM(poller));
	CHECK_INT(fake_probe(), ==, 0);
	start_device();
	for (i = 0; i < RTE_DIM(poller); i++) {
		snprintf(name, sizeof(name), "%s_ch%zu", fake.pci.name, i);
		id = (int16_t)rte_dma_get_dev_id_by_name(name);
		CHECK_INT(rte_dma_configure(id, &conf), ==, 0);
		CHECK_INT(rte_dma_vchan_setup(id, 0, &vchan), ==, 0);
		CHECK_INT(rte_dma_start(id), ==, 0);
		poller_start(&poller[i], id);
	}
	for (i = 0; i < RTE_DIM(poller); i++)
		poller_await_rounds(&poller[i], 3);
	CHECK_INT(fake_remove(), ==, 0);
	end_device();
	pull();
	for (i = 0; i < RTE_DIM(poller); i++) {
		poller_await_refusal(&poller[i]);
		poller_await_rounds(&poller[i], 200);
		poller_end(&poller[i]);
		poller_check(&poller[i]);
	}
	check_untouched();
	ioat_model_destroy(fake.model);
}

TEST_LIST

int
main(void)
{
	char args[] = "driver_removal_pci --no-huge -m 64 --no-pci --no-shconf -l 0 --no-telemetry "
		      "--log-level=*:critical";
	char *argv[16];
	size_t i;

	if (rte_eal_init(test_words(args, argv, 15), argv) < 0) {
		printf("Bail out! EAL does not start: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	for (i = 0; i < RTE_DIM(poller); i++)
		poller[i].mem = rte_zmalloc(NULL, POLLER_ROOM, 4096);
	return test_run_all("driver_removal_pci") == 0 ? 0 : 1;
}
