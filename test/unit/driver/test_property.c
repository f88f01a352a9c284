/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Random programs with random faults against a reference (world.h). PROPERTY_OPS (environment)
 * is the number of operations, PROPERTY_SEED the seed. A failing program is shrunk and printed.
 */

#include "test.h"

#include "ioat_model.h"
#include "world.h"

#define STEPS 1500u

static uint64_t rng_state;

static uint32_t
rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (uint32_t)(rng_state >> 16);
}

static uint64_t
number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

/* Which kinds come how often; the rest are plain copies. */
static void
make(struct step *s, uint16_t place)
{
	static const struct {
		uint8_t kind;
		uint16_t share; /* of 1000 */
	} mix[] = {
		{STEP_FILL, 120}, {STEP_SG, 60},     {STEP_LONG, 4},    {STEP_SUBMIT, 70},
		{STEP_RUN, 80},   {STEP_STATUS, 50}, {STEP_ASK, 10},    {STEP_COMPLETED, 50},
		{STEP_FAULT, 8},  {STEP_DRAIN, 3},   {STEP_RESTART, 1},
	};
	uint32_t dice = rng() % 1000, flags = rng();
	size_t i;

	*s = (struct step){.kind = STEP_COPY, .place = place, .a = rng(), .b = rng()};
	for (i = 0; i < sizeof(mix) / sizeof(mix[0]); i++) {
		if (dice < mix[i].share) {
			s->kind = mix[i].kind;
			break;
		}
		dice -= mix[i].share;
	}
	s->flags = (uint8_t)((flags % 6 == 0 ? STEP_FENCE : 0) |
	                     (flags / 6 % 10 == 0 ? STEP_KICK : 0) |
	                     (flags / 60 % 64 == 0 ? STEP_BADSRC : 0) |
	                     (flags / 60 % 64 == 1 ? STEP_BADDST : 0));
}

/* Leave out ever smaller parts as long as the rest fails, too. @return the steps left. */
static size_t
shrink(struct step *steps, size_t n, int device)
{
	struct world_stats none = {0};
	struct step *less = calloc(n, sizeof(*less));
	size_t part, at;

	assert_non_null(less);
	for (part = n / 2; part > 0; part /= 2) {
		for (at = 0; at + part <= n;) {
			memcpy(less, steps, at * sizeof(*steps));
			memcpy(less + at, steps + at + part, (n - at - part) * sizeof(*steps));
			if (world_run(less, n - part, device, &none) == NULL) {
				at += part;
				continue;
			}
			n -= part;
			memcpy(steps, less, n * sizeof(*steps));
		}
	}
	free(less);
	return n;
}

static void
print_program(struct step *steps, size_t n, int device, uint64_t seed)
{
	static const char *const name[STEP_KINDS] = {"copy",   "fill",  "sg",        "long",
	                                             "submit", "run",   "completed", "status",
	                                             "ask",    "fault", "drain",     "restart"};
	struct world_stats none = {0};
	size_t i;

	n = shrink(steps, n, device);
	for (i = 0; i < n; i++)
		print_error("  %zu (was %u): %s flags 0x%x a %u b %u\n", i, steps[i].place,
		            name[steps[i].kind], steps[i].flags, steps[i].a, steps[i].b);
	print_error("PROPERTY_SEED=0x%llx, device %d: %s\n", (unsigned long long)seed, device,
	            world_run(steps, n, device, &none));
}

TEST(every_op_of_random_programs_with_faults_reports_what_it_did_and_memory_agrees)
{
	static const int devices[] = {IOAT_MODEL_ICX, IOAT_MODEL_SKX, IOAT_MODEL_IVB};
	const uint64_t want = number("PROPERTY_OPS", PROPERTY_OPS);
	uint64_t seed = number("PROPERTY_SEED", 0x9e3779b97f4a7c15);
	struct step *steps = calloc(STEPS, sizeof(*steps));
	struct world_stats stats = {0};
	const char *why;
	unsigned int i, n;

	assert_non_null(steps);
	for (n = 0; stats.ops < want; n++, seed = rng_state | 1) {
		rng_state = seed;
		for (i = 0; i < STEPS; i++)
			make(&steps[i], (uint16_t)i);
		why = world_run(steps, STEPS, devices[seed % 3], &stats);
		if (why != NULL) {
			print_error("program %u: %s\n", n, why);
			print_program(steps, STEPS, devices[seed % 3], seed);
			fail();
		}
	}
	print_message("# %u programs, %llu operations, %llu failed, %llu recoveries, "
	              "%llu by the watchdog, %llu late writes, %llu lost, %llu restarts\n",
	              n, (unsigned long long)stats.ops, (unsigned long long)stats.failed,
	              (unsigned long long)stats.recoveries, (unsigned long long)stats.watch_hits,
	              (unsigned long long)stats.late, (unsigned long long)stats.lost,
	              (unsigned long long)stats.restarts);
	/* A test without what it is about proves nothing. */
	CHECK_INT(stats.failed, >, stats.ops / 1000);
	CHECK_INT(stats.recoveries, >, stats.ops / 2000);
	CHECK_INT(stats.watch_hits, >, 10);
	CHECK_INT(stats.late, >, 10);
	CHECK_INT(stats.lost, >, 0);
	CHECK_INT(stats.restarts, >, 10);
	free(steps);
}

TEST_MAIN("driver_property")
