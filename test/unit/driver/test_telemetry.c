/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* What telemetry counts, asked for over EAL's socket, on a function that the model answers. */

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <rte_eal.h>

#include "fake_pci.h"

#define SECONDS 20

static char reply[16384];

/* Send a command to this process's telemetry; the text of the answer is in reply[]. */
static void
ask(const char *command, int16_t id)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const struct timeval limit = {.tv_sec = SECONDS};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	char text[64];
	ssize_t n;

	CHECK_INT(fd, >=, 0);
	snprintf(to.sun_path, sizeof(to.sun_path), "%s/dpdk_telemetry.v2",
	         rte_eal_get_runtime_dir());
	CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), ==, 0);
	CHECK_INT(connect(fd, (struct sockaddr *)&to, sizeof(to)), ==, 0);
	CHECK_INT(recv(fd, reply, sizeof(reply), 0), >, 0); /* the greeting */
	n = snprintf(text, sizeof(text), "%s,%d", command, id);
	CHECK_INT(send(fd, text, (size_t)n, 0), ==, n);
	n = recv(fd, reply, sizeof(reply) - 1, 0);
	CHECK_INT(n, >, 0);
	reply[n] = '\0';
	close(fd);
}

/* The number that the last reply has under a name. */
static uint64_t
number(const char *name)
{
	char key[128];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(reply, key);
	if (at == NULL)
		print_error("no %s in %s\n", key, reply);
	CHECK(at != NULL);
	return strtoull(at + strlen(key), NULL, 10);
}

static uint64_t
halts(unsigned int bit)
{
	char name[64];

	snprintf(name, sizeof(name), "halts_%s", ioat_chanerr_name(bit));
	return number(name);
}

static uint8_t area[2][3 << 20];

static void
copies(int16_t id, unsigned int n, uint32_t len)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)area[0], (uintptr_t)area[1], len, 0), >=,
		          0);
	CHECK_INT(rte_dma_submit(id, 0), ==, 0);
	fake_run();
}

/* Ask until one operation is reported. @return its status. */
static enum rte_dma_status_code
take(int16_t id)
{
	const uint64_t end = rte_get_timer_cycles() + SECONDS * rte_get_timer_hz();
	enum rte_dma_status_code status;

	while (rte_dma_completed_status(id, 0, 1, NULL, &status) == 0)
		CHECK(rte_get_timer_cycles() < end);
	return status;
}

static void
finish(int16_t id)
{
	CHECK_INT(rte_dma_stop(id), ==, 0);
	fake_unplug();
}

TEST(each_chanerr_bit_is_counted_under_its_name_with_a_recovery)
{
	struct ioat_model_fault fault = {.kind = IOAT_MODEL_FAULT_CHANERR};
	unsigned int bit, other;
	char hex[40];
	int16_t id;

	for (bit = 0; ioat_chanerr_name(bit) != NULL; bit++) {
		fake_plug(IOAT_MODEL_ICX, 1);
		id = fake_start();
		fault.chanerr = RTE_BIT32(bit);
		CHECK_INT(ioat_model_inject(fake.model, 0, &fault), ==, 0);
		copies(id, 1, 64);
		CHECK_INT(take(id), !=, RTE_DMA_STATUS_SUCCESSFUL);
		ask("/ioat/stats", id);
		for (other = 0; ioat_chanerr_name(other) != NULL; other++)
			CHECK_INT(halts(other), ==, other == bit);
		CHECK_INT(number("halts_without_cause"), ==, 0);
		CHECK_INT(number("recoveries"), ==, 1);
		CHECK_INT(number("submitted"), ==, 1);
		CHECK_INT(number("completed"), ==, 1);
		CHECK_INT(number("errors"), ==, 1);
		snprintf(hex, sizeof(hex), "\"last_chanerr\":\"0x%x\"", fault.chanerr);
		CHECK(strstr(reply, hex) != NULL);
		finish(id);
	}
	CHECK_INT(bit, ==, 28);
}

TEST(halt_without_a_cause_is_counted_as_one)
{
	const struct ioat_model_fault fault = {.kind = IOAT_MODEL_FAULT_HALT};
	int16_t id;

	fake_plug(IOAT_MODEL_ICX, 1);
	id = fake_start();
	CHECK_INT(ioat_model_inject(fake.model, 0, &fault), ==, 0);
	copies(id, 1, 64);
	CHECK_INT(take(id), ==, RTE_DMA_STATUS_ERROR_UNKNOWN);
	ask("/ioat/stats", id);
	CHECK_INT(number("halts_without_cause"), ==, 1);
	CHECK_INT(number("recoveries"), ==, 1);
	finish(id);
}

TEST(doorbells_batches_completion_writes_and_splits_are_counted)
{
	int16_t id;

	fake_plug(IOAT_MODEL_IVB, 1); /* 1 MiB per descriptor */
	id = fake_start();
	copies(id, 10, 64);
	CHECK_INT(rte_dma_completed(id, 0, 64, NULL, NULL), ==, 10);
	ask("/ioat/stats", id);
	CHECK_INT(number("doorbells"), ==, 1);
	CHECK_INT(number("batch_mean"), ==, 10);
	CHECK_INT(number("completion_writes"), ==, 1);
	CHECK_INT(number("splits"), ==, 0);
	copies(id, 40, 64); /* one more completion write for each quarter of the ring of 64 */
	CHECK_INT(rte_dma_completed(id, 0, 64, NULL, NULL), ==, 40);
	copies(id, 2, (2u << 20) + 1); /* 3 descriptors each */
	CHECK_INT(rte_dma_completed(id, 0, 64, NULL, NULL), ==, 2);
	ask("/ioat/stats", id);
	CHECK_INT(number("doorbells"), ==, 3);
	CHECK_INT(number("batch_mean"), ==, 52 / 3);
	CHECK_INT(number("completion_writes"), ==, 1 + 3 + 1);
	CHECK_INT(number("splits"), ==, 2);
	finish(id);
}

TEST(looks_and_hits_of_the_watchdog_are_counted)
{
	const struct ioat_model_fault fault = {.kind = IOAT_MODEL_FAULT_CHANERR,
	                                       .chanerr = CHANERR_READ_DATA};
	int16_t id;

	fake_plug(IOAT_MODEL_IVB, 1); /* its halt is not written */
	id = fake_start();
	CHECK_INT(ioat_model_inject(fake.model, 0, &fault), ==, 0);
	copies(id, 1, 64);
	CHECK_INT(take(id), ==, RTE_DMA_STATUS_BUS_READ_ERROR);
	ask("/ioat/stats", id);
	CHECK_INT(number("watchdog_looks"), ==, 1);
	CHECK_INT(number("watchdog_hits"), ==, 1);
	finish(id);
}

TEST(reset_of_statistics_leaves_halts_recoveries_and_watchdog)
{
	const struct ioat_model_fault fault = {.kind = IOAT_MODEL_FAULT_CHANERR,
	                                       .chanerr = CHANERR_SRC_ADDR};
	static const char *const zero[] = {"submitted", "completed", "errors",
	                                   "doorbells", "splits",    "completion_writes",
	                                   "batch_mean"};
	int16_t id;
	size_t i;

	fake_plug(IOAT_MODEL_IVB, 1);
	id = fake_start();
	CHECK_INT(ioat_model_inject(fake.model, 0, &fault), ==, 0);
	copies(id, 1, (1u << 20) + 1);
	CHECK_INT(take(id), ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	CHECK_INT(rte_dma_stats_reset(id, 0), ==, 0);
	ask("/ioat/stats", id);
	for (i = 0; i < RTE_DIM(zero); i++)
		CHECK_INT(number(zero[i]), ==, 0);
	CHECK_INT(halts(0), ==, 1);
	CHECK_INT(number("recoveries"), ==, 1);
	CHECK_INT(number("watchdog_hits"), ==, 1);
	finish(id);
}

TEST(registers_of_a_halted_channel_are_decoded)
{
	const struct ioat_model_fault fault = {.kind = IOAT_MODEL_FAULT_CHANERR,
	                                       .chanerr = CHANERR_DST_ADDR | CHANERR_LENGTH};
	int16_t id;

	fake_plug(IOAT_MODEL_ICX, 1);
	id = fake_start();
	CHECK_INT(ioat_model_inject(fake.model, 0, &fault), ==, 0);
	copies(id, 1, 64);
	ask("/ioat/regs", id);
	CHECK(strstr(reply, "\"state\":\"HALTED\"") != NULL);
	CHECK(strstr(reply, "\"errors\":\"destination_address length\"") != NULL);
	CHECK_INT(number("DMACOUNT"), ==, 1);
	finish(id);
}

TEST_LIST

/* Registered before EAL's own clean-up, so called behind it: only an empty folder is left then. */
static void
remove_folder(void)
{
	(void)rmdir(rte_eal_get_runtime_dir());
}

int
main(void)
{
	char args[128];

	atexit(remove_folder);
	snprintf(args, sizeof(args),
	         "--no-huge -m 64 --no-pci --no-shconf -l 0 --file-prefix=ioat_unit_%d",
	         (int)getpid());
	return eal_test_main(args, "driver_telemetry");
}
