/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include "ioat_hw.h"
#include "test.h"
#include "vfu_options.h"

static struct vfu_options opts;
static char err[VFU_ERROR_SIZE];

/** Parse --socket s and the words of @p text. */
static int
parse(const char *text)
{
	char copy[256], *argv[32] = {(char *)(uintptr_t) "prog", (char *)(uintptr_t) "--socket=s"};
	int argc;

	snprintf(copy, sizeof(copy), "%s", text);
	argc = 2 + test_words(copy, argv + 2, 29);
	err[0] = '\0';
	return vfu_options_parse(&opts, argc, argv, err);
}

TEST(defaults_are_one_icx_without_limits)
{
	CHECK_INT(parse(""), ==, VFU_OPTIONS_RUN);
	assert_string_equal(opts.socket, "s");
	CHECK_INT(opts.functions, ==, 1);
	CHECK_INT(opts.func.device, ==, IOAT_MODEL_ICX);
	CHECK_INT(opts.func.xfercap, ==, 0);
	CHECK_INT(opts.func.latency_ns, ==, 0);
	CHECK_INT(opts.func.bytes_per_second, ==, 0);
	CHECK_INT(opts.func.faults, ==, 0);
	CHECK(!opts.stats && !opts.verbose);
}

TEST(all_options_are_taken)
{
	CHECK_INT(parse("--device ivb --functions 8 --xfercap 12 --latency 500 --bandwidth 2.5 "
	                "--stats -v"),
	          ==, VFU_OPTIONS_RUN);
	CHECK_INT(opts.func.device, ==, IOAT_MODEL_IVB);
	CHECK_INT(opts.functions, ==, 8);
	CHECK_INT(opts.func.xfercap, ==, 12);
	CHECK_INT(opts.func.latency_ns, ==, 500);
	CHECK_INT(opts.func.bytes_per_second, ==, 2500000000ll);
	CHECK(opts.stats && opts.verbose);
}

TEST(help_is_told_apart)
{
	CHECK_INT(parse("-h"), ==, VFU_OPTIONS_HELP);
	CHECK_INT(parse("--help"), ==, VFU_OPTIONS_HELP);
}

TEST(socket_is_mandatory)
{
	char *argv[] = {(char *)(uintptr_t) "prog"};

	CHECK_INT(vfu_options_parse(&opts, 1, argv, err), ==, -EINVAL);
	assert_non_null(strstr(err, "--socket"));
	CHECK_INT(parse("--socket="), ==, -EINVAL);
}

TEST(values_out_of_range_are_refused_with_the_range)
{
	CHECK_INT(parse("--functions 0"), ==, -EINVAL);
	assert_non_null(strstr(err, "from 1 to 8"));
	CHECK_INT(parse("--functions 9"), ==, -EINVAL);
	CHECK_INT(parse("--functions -1"), ==, -EINVAL);
	CHECK_INT(parse("--xfercap 11"), ==, -EINVAL);
	assert_non_null(strstr(err, "from 12 to 30"));
	CHECK_INT(parse("--xfercap 31"), ==, -EINVAL);
	CHECK_INT(parse("--xfercap 20x"), ==, -EINVAL);
	CHECK_INT(parse("--latency 1000000001"), ==, -EINVAL);
	CHECK_INT(parse("--latency 99999999999999999999"), ==, -EINVAL);
	CHECK_INT(parse("--bandwidth 0"), ==, -EINVAL);
	CHECK_INT(parse("--bandwidth nan"), ==, -EINVAL);
	CHECK_INT(parse("--bandwidth 1001"), ==, -EINVAL);
	CHECK_INT(parse("--halt-word sometimes"), ==, -EINVAL);
	assert_non_null(strstr(err, "always, asked, never"));
	CHECK_INT(parse("--device xyz"), ==, -EINVAL);
	assert_non_null(strstr(err, "icx, skx, bdx, ivb"));
}

TEST(rule_for_halts_is_taken_by_its_name)
{
	CHECK_INT(parse("--device ivb"), ==, VFU_OPTIONS_RUN);
	CHECK_INT(opts.func.halt_word, ==, IOAT_MODEL_HALT_WORD_ALWAYS);
	CHECK_INT(parse("--halt-word asked"), ==, VFU_OPTIONS_RUN);
	CHECK_INT(opts.func.halt_word, ==, IOAT_MODEL_HALT_WORD_ASKED);
	CHECK_INT(parse("--halt-word never"), ==, VFU_OPTIONS_RUN);
	CHECK_INT(opts.func.halt_word, ==, IOAT_MODEL_HALT_WORD_NEVER);
	CHECK_INT(parse("--halt-word always"), ==, VFU_OPTIONS_RUN);
	CHECK_INT(opts.func.halt_word, ==, IOAT_MODEL_HALT_WORD_ALWAYS);
}

TEST(unknown_options_and_stray_words_are_refused)
{
	CHECK_INT(parse("--nonsense"), ==, -EINVAL);
	assert_non_null(strstr(err, "--nonsense"));
	CHECK_INT(parse("--device"), ==, -EINVAL);
	CHECK_INT(parse("stray"), ==, -EINVAL);
	CHECK_INT(parse("-x"), ==, -EINVAL);
}

TEST(faults_are_taken_once_a_kind)
{
	CHECK_INT(parse("--fault chanerr,bit=9,after=7,again --fault lost-irq,count=3 --fault halt "
	                "--fault late-write,count=5 --fault reset --fault stuck"),
	          ==, VFU_OPTIONS_RUN);
	CHECK_INT(opts.func.faults, ==, 6);
	CHECK_INT(opts.func.fault[0].fault.kind, ==, IOAT_MODEL_FAULT_CHANERR);
	CHECK_INT(opts.func.fault[0].fault.chanerr, ==, CHANERR_WRITE_DATA);
	CHECK_INT(opts.func.fault[0].fault.after, ==, 7);
	CHECK(opts.func.fault[0].again);
	CHECK_INT(opts.func.fault[1].fault.kind, ==, IOAT_MODEL_FAULT_LOST_IRQ);
	CHECK_INT(opts.func.fault[1].fault.count, ==, 3);
	CHECK_INT(opts.func.fault[2].fault.kind, ==, IOAT_MODEL_FAULT_HALT);
	CHECK_INT(opts.func.fault[4].fault.count, ==, 1);
	CHECK_INT(parse("--fault stuck --fault stuck"), ==, -EINVAL);
	assert_non_null(strstr(err, "twice"));
}

TEST(bad_faults_are_refused_with_what_is_legal)
{
	CHECK_INT(parse("--fault chanerr"), ==, -EINVAL);
	assert_non_null(strstr(err, "bit="));
	CHECK_INT(parse("--fault chanerr,bit=28"), ==, -EINVAL);
	CHECK_INT(parse("--fault chanerr,bit="), ==, -EINVAL);
	CHECK_INT(parse("--fault chanerr,bit=1,count=2"), ==, -EINVAL);
	CHECK_INT(parse("--fault reset,after=2"), ==, -EINVAL);
	assert_non_null(strstr(err, "count="));
	CHECK_INT(parse("--fault lost-irq,count=0"), ==, -EINVAL);
	CHECK_INT(parse("--fault ,"), ==, -EINVAL);
	CHECK_INT(parse("--fault fire"), ==, -EINVAL);
	assert_non_null(strstr(err, "late-write"));
}

TEST_MAIN("vfu_options")
