/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* A virtual device that is removed, or closed, while a thread of the program still uses it. */

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <time.h>

#include "eal.h"
#include "poller.h"
#include "rig.h"
#include "test.h"

#include <rte_bus_vdev.h>
#include <rte_malloc.h>

#include "ioat_defer.h"

#define NAME     "dma_ioat_emu_removed"
#define RING     256
#define CHANNELS 4
#define GRACE_US 10000u

static struct poller poller[CHANNELS];

/* How often the driver waited for late calls; and a clock that can be put forward. */
static atomic_uint graces;
static atomic_uint forward_s;

int __real_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
void __real_rte_delay_us_sleep(unsigned int us);
void __wrap_rte_delay_us_sleep(unsigned int us);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	int rc = __real_clock_gettime(clock, ts);

	ts->tv_sec += (time_t)atomic_load(&forward_s);
	return rc;
}

void
__wrap_rte_delay_us_sleep(unsigned int us)
{
	if (us == GRACE_US)
		atomic_fetch_add(&graces, 1);
	__real_rte_delay_us_sleep(us);
}

static void
start(int16_t id, bool silent)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = RING};
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
	const struct rte_dma_conf conf = {.nb_vchans = 1,
	                                  .flags = silent ? RTE_DMA_CFG_FLAG_SILENT : 0};
#else
	const struct rte_dma_conf conf = {.nb_vchans = 1, .enable_silent = silent};
#endif

	CHECK_INT(id, >=, 0);
	CHECK_INT(rte_dma_configure(id, &conf), ==, 0);
	CHECK_INT(rte_dma_vchan_setup(id, 0, &vchan), ==, 0);
	CHECK_INT(rte_dma_start(id), ==, 0);
}

/* A device of one channel, started. */
static int16_t
plug(const char *args)
{
	int16_t id;

	CHECK_INT(rte_eal_hotplug_add("vdev", NAME, args), ==, 0);
	id = (int16_t)rte_dma_get_dev_id_by_name(NAME);
	start(id, false);
	return id;
}

static void
unplug(void)
{
	CHECK_INT(rte_eal_hotplug_remove("vdev", NAME), ==, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name(NAME), <, 0);
}

static void
check_removals(const char *args, int times)
{
	struct poller *p = &poller[0];
	int i;

	for (i = 0; i < times; i++) {
		poller_start(p, plug(args));
		poller_await_rounds(p, (unsigned int)i % 8);
		unplug();
		poller_await_refusal(p);
		poller_await_rounds(p, 10);
		poller_end(p);
		poller_check(p);
	}
}

TEST(polling_thread_outlives_100_removals_and_misses_no_operation_with_a_thread)
{
	check_removals("xfercap=12", 100);
}

TEST(polling_thread_outlives_100_removals_and_misses_no_operation_inline)
{
	check_removals("xfercap=12,inline", 100);
}

/* The exact way: told of the removal, the program ends its thread and takes the rest itself. */
static void
on_removal(const char *device, enum rte_dev_event_type event, void *arg)
{
	struct poller *p = arg;
	uint64_t end = rte_get_timer_cycles() + 60 * rte_get_timer_hz();

	CHECK(strcmp(device, NAME) == 0);
	CHECK_INT(event, ==, RTE_DEV_EVENT_REMOVE);
	poller_end(p);
	CHECK_INT(rte_dma_stop(p->id), ==, 0);
	for (p->rounds = 0; p->good + p->bad < p->enqueued; p->rounds = 0) {
		poller_take(p);
		CHECK(rte_get_timer_cycles() < end);
	}
}

static void
check_listening(const char *args)
{
	struct poller *p = &poller[0];
	int i;

	CHECK_INT(rte_dev_event_callback_register(NAME, on_removal, p), ==, 0);
	for (i = 0; i < 20; i++) {
		poller_start(p, plug(args));
		poller_await_rounds(p, (unsigned int)i % 8);
		unplug();
		CHECK_INT(p->good + p->bad, ==, p->enqueued);
	}
	CHECK_INT(rte_dev_event_callback_unregister(NAME, on_removal, p), ==, 1);
}

TEST(program_that_listens_ends_its_thread_and_takes_every_operation)
{
	check_listening("");
	check_listening("inline");
}

static int nested;

static void
remove_again(const char *device __rte_unused, enum rte_dev_event_type event __rte_unused,
             void *arg __rte_unused)
{
	nested = rte_vdev_uninit(NAME);
}

TEST(callback_of_the_removal_cannot_remove_the_device_itself)
{
	plug("inline");
	CHECK_INT(rte_dev_event_callback_register(NAME, remove_again, NULL), ==, 0);
	unplug();
	CHECK_INT(rte_dev_event_callback_unregister(NAME, remove_again, NULL), ==, 1);
	CHECK_INT(nested, ==, -EBUSY);
}

/* What a thread does that was interrupted after it had loaded its function and the channel. */
static void
call_late(const struct rte_dma_fp_object *fp)
{
	const struct rte_dma_sge seg = {(uintptr_t)poller[0].mem, 64};
	enum rte_dma_status_code status;
	bool error = false;
	uint16_t last;
	int i;

	CHECK_INT(fp->copy(fp->dev_private, 0, seg.addr, seg.addr + 64, 64, 0), ==, -EIO);
	CHECK_INT(fp->copy(fp->dev_private, 0, seg.addr, seg.addr + 64, 70000, 0), ==, -EIO);
	CHECK_INT(fp->copy(fp->dev_private, 0, 0, 0, 1, RTE_DMA_OP_FLAG_FENCE), ==, -EIO);
	CHECK_INT(fp->copy_sg(fp->dev_private, 0, &seg, &seg, 1, 1, 0), ==, -EIO);
	CHECK_INT(fp->fill(fp->dev_private, 0, 1, seg.addr, 1, RTE_DMA_OP_FLAG_SUBMIT), ==, -EIO);
	CHECK_INT(fp->submit(fp->dev_private, 0), ==, -EIO);
	CHECK_INT(fp->burst_capacity(fp->dev_private, 0), ==, 0);
	for (i = 0; i < 300; i++) {
		CHECK_INT(fp->completed(fp->dev_private, 0, 1, &last, &error), ==, 0);
		CHECK_INT(fp->completed_status(fp->dev_private, 0, 1, &last, &status), ==, 0);
	}
	CHECK(!error);
}

TEST(call_that_began_before_the_removal_reaches_memory_and_is_refused)
{
	static const char *const args[] = {"", "inline"};
	struct rte_dma_fp_object late;
	size_t i;

	for (i = 0; i < RTE_DIM(args); i++) {
		late = rte_dma_fp_objs[plug(args[i])];
		unplug();
		call_late(&late);
	}
}

TEST(call_on_a_device_that_was_stopped_and_closed_reaches_memory_and_is_refused)
{
	static const char *const args[] = {"", "inline"};
	struct rte_dma_fp_object late;
	int16_t id;
	size_t i;

	for (i = 0; i < RTE_DIM(args); i++) {
		id = plug(args[i]);
		late = rte_dma_fp_objs[id];
		CHECK_INT(rte_dma_stop(id), ==, 0);
		CHECK_INT(rte_dma_close(id), ==, 0);
		call_late(&late);
		unplug();
		call_late(&late);
	}
}

TEST(polling_thread_outlives_the_close_of_a_stopped_device)
{
	struct poller *p = &poller[0];
	int16_t id;
	int i;

	for (i = 0; i < 20; i++) {
		id = plug(i % 2 == 0 ? "xfercap=12" : "xfercap=12,inline");
		CHECK_INT(rte_dma_stop(id), ==, 0);
		poller_start(p, id);
		poller_await_rounds(p, 5);
		CHECK_INT(rte_dma_close(id), ==, 0);
		poller_await_refusal(p);
		poller_await_rounds(p, 10);
		poller_end(p);
		unplug();
	}
}

TEST(channels_of_a_device_are_removed_together_beside_a_thread_on_each)
{
	char name[RTE_DEV_NAME_MAX_LEN];
	unsigned int c;

	CHECK_INT(rte_eal_hotplug_add("vdev", NAME, "channels=4"), ==, 0);
	for (c = 0; c < CHANNELS; c++) {
		snprintf(name, sizeof(name), NAME "_ch%u", c);
		start((int16_t)rte_dma_get_dev_id_by_name(name), false);
		poller_start(&poller[c], (int16_t)rte_dma_get_dev_id_by_name(name));
	}
	for (c = 0; c < CHANNELS; c++)
		poller_await_rounds(&poller[c], 3);
	atomic_store(&graces, 0);
	unplug();
	for (c = 0; c < CHANNELS; c++) {
		poller_await_refusal(&poller[c]);
		poller_await_rounds(&poller[c], 10);
	}
	for (c = 0; c < CHANNELS; c++)
		poller_end(&poller[c]);
	for (c = 0; c < CHANNELS; c++) {
		poller_check(&poller[c]);
		if (poller[c].bad != 0)
			return; /* it had no processor: one more round of waits */
	}
	CHECK_INT(graces, ==, 2);
}

TEST(silent_device_is_removed_beside_a_thread_that_enqueues)
{
	struct poller *p = &poller[0];
	int16_t id;
	int i;

	for (i = 0; i < 10; i++) {
		CHECK_INT(
			rte_eal_hotplug_add("vdev", NAME, i % 2 == 0 ? "silent" : "silent,inline"),
			==, 0);
		id = (int16_t)rte_dma_get_dev_id_by_name(NAME);
		start(id, true);
		poller_start(p, id);
		poller_await_rounds(p, 5);
		unplug();
		poller_await_refusal(p);
		poller_await_rounds(p, 10);
		poller_end(p);
	}
}

static unsigned int zones;

static void
count_ring(const struct rte_memzone *mz, void *arg __rte_unused)
{
	zones += strncmp(mz->name, "ioat_ring_", 10) == 0;
}

static unsigned int
count_rings(void)
{
	zones = 0;
	rte_memzone_walk(count_ring, NULL);
	return zones;
}

TEST(memory_of_a_removed_device_is_freed_ten_seconds_later_when_another_is_plugged)
{
	(void)ioat_defer_reclaim();
	CHECK_INT(count_rings(), ==, 0);
	plug("inline");
	unplug();
	plug("inline");
	CHECK_INT(count_rings(), ==, 2);
	unplug();
	atomic_fetch_add(&forward_s, 11);
	plug("inline");
	CHECK_INT(count_rings(), ==, 1);
	unplug();
	(void)ioat_defer_reclaim();
	CHECK_INT(count_rings(), ==, 0);
}

#ifdef __x86_64__
#define TRAP_FLAG 0x100
#define STEPS_MAX 200000u /* of all cases of a call, about twice */

static struct rig *stepped;
static unsigned int steps_left;

/* After each instruction; behind the last one asked for, a reset fails as if in another thread. */
static void
on_step(int sig __rte_unused, siginfo_t *info __rte_unused, void *context)
{
	ucontext_t *uc = context;

	if (--steps_left > 0)
		return;
	stepped->ch.lost = true;
	ioat_ring_close_down(&stepped->ch);
	uc->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}

/* The red zone of the stack stays as it is. */
static inline void
trap_set(void)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq;"
	                 "lea 128(%%rsp), %%rsp" ::
	                         : "memory", "cc");
}

static inline void
trap_clear(void)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp); popfq;"
	                 "lea 128(%%rsp), %%rsp" ::
	                         : "memory", "cc");
}

/* Lose the channel behind instruction number @p steps of a call. @return whether it had so many. */
static bool
lose_within(int (*call)(struct rig *r), unsigned int steps)
{
	stepped = rig_open_cap(IOAT_MODEL_ICX, 64, 12);
	steps_left = steps;
	trap_set();
	(void)call(stepped);
	trap_clear();
	if (steps_left == 0)
		CHECK_INT(rig_copy(stepped, 0, 4096, 64, 0), ==, -EIO);
	rig_close(stepped);
	return steps_left == 0;
}

static int
call_long(struct rig *r)
{
	return rig_copy(r, 0, 65536, 3 * 4096, RTE_DMA_OP_FLAG_SUBMIT);
}

static int
call_scattered(struct rig *r)
{
	const struct rte_dma_sge src[2] = {{rig_addr(r, 0), 5000}, {rig_addr(r, 8192), 3000}};
	const struct rte_dma_sge dst = {rig_addr(r, 65536), 8000};

	return r->fp.copy_sg(&r->ch, 0, src, &dst, 2, 1, RTE_DMA_OP_FLAG_FENCE);
}

static int
call_fill(struct rig *r)
{
	return r->fp.fill(&r->ch, 0, 7, rig_addr(r, 65536), 4097, 0);
}

TEST(channel_that_is_lost_behind_any_instruction_of_an_enqueue_ends_it_unharmed)
{
	static int (*const calls[])(struct rig * r) = {call_long, call_scattered, call_fill};
	struct sigaction step = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO}, old;
	unsigned int n, length, stride;
	size_t i;

	CHECK_INT(sigaction(SIGTRAP, &step, &old), ==, 0);
	for (i = 0; i < RTE_DIM(calls); i++) {
		CHECK(!lose_within(calls[i], UINT_MAX));
		length = UINT_MAX - steps_left;
		CHECK_INT(length, >, 100);
		/* Every one, but in the long code of a sanitizer. */
		stride = length / (STEPS_MAX / length + 1) + 1;
		for (n = 1; n < length; n += stride)
			CHECK(lose_within(calls[i], n));
	}
	sigaction(SIGTRAP, &old, NULL);
}
#endif

TEST_LIST

/* A thread that is still in the driver when the process ends. */
static void *
call_for_ever(void *arg)
{
	const struct rte_dma_fp_object *fp = arg;
	uint16_t last;
	bool error;

	for (;;) {
		fp->submit(fp->dev_private, 0);
		fp->completed(fp->dev_private, 0, 1, &last, &error);
	}
	return NULL;
}

/* The end of the program: what is kept for late calls is in their way, and no leak. */
static int
leave_late(void)
{
	static struct rte_dma_fp_object late;
	pthread_t thread;

	if (rte_eal_hotplug_add("vdev", NAME, "inline") != 0)
		return 1;
	late = rte_dma_fp_objs[rte_dma_get_dev_id_by_name(NAME)];
	if (rte_eal_hotplug_remove("vdev", NAME) != 0)
		return 1;
	if (pthread_create(&thread, NULL, call_for_ever, &late) != 0)
		return 1;
	return 0;
}

int
main(void)
{
	char args[] = "driver_removal --no-huge -m 128 --no-pci --no-shconf -l 0 --no-telemetry "
		      "--log-level=*:critical";
	char *argv[16];
	unsigned int i;
	int failed;

	if (rte_eal_init(test_words(args, argv, 15), argv) < 0) {
		printf("Bail out! EAL does not start: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	for (i = 0; i < CHANNELS; i++)
		poller[i].mem = rte_zmalloc(NULL, POLLER_ROOM, 4096);
	failed = test_run_all("driver_removal");
	return leave_late() != 0 || failed != 0;
}
