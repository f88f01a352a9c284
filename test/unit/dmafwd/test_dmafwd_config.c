/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "test.h"

#include <errno.h>

#include "config.h"

static struct config cfg;
static char err[CONFIG_ERROR_SIZE];

static char *argv[32];

/* Make argv of a line, its words separated by single blanks. @return their number. */
static int
split(const char *line)
{
	static char buf[512];

	snprintf(buf, sizeof(buf), "%s", line);
	return test_words(buf, argv, 31);
}

/* Parse the options of a command line. */
static int
parse(const char *options)
{
	char line[512];

	snprintf(line, sizeof(line), "dmafwd %s", options);
	err[0] = '\0';
	return config_parse(&cfg, split(line), argv, err);
}

/* The line is refused and the message holds both texts. */
static void
check_refused(const char *line, const char *name, const char *legal)
{
	CHECK_INT(parse(line), ==, -EINVAL);
	if (strstr(err, name) == NULL || strstr(err, legal) == NULL) {
		print_error("'%s' gives '%s', which lacks '%s' or '%s'\n", line, err, name, legal);
		fail();
	}
	CHECK(strchr(err, '\n') == NULL);
}

TEST(no_options_give_the_documented_defaults)
{
	CHECK_INT(parse(""), ==, CONFIG_RUN);
	CHECK_INT(cfg.portmask, ==, 0);
	CHECK_INT(cfg.copy_type, ==, COPY_TYPE_HW);
	CHECK(cfg.mac_updating);
	CHECK_INT(cfg.nb_queues, ==, 1);
	CHECK_INT(cfg.batch_size, ==, 32);
	CHECK_INT(cfg.ring_size, ==, 0);
	CHECK_INT(cfg.max_frame, ==, 0);
	CHECK_INT(cfg.stats_interval, ==, 0);
	CHECK_INT(cfg.idle_exit, ==, 0);
}

TEST(short_options_arrive)
{
	CHECK_INT(parse("-p a -q 4 -b 16 -s 512 -c sw -i 3 -f 9000"), ==, CONFIG_RUN);
	CHECK_INT(cfg.portmask, ==, 0xa);
	CHECK_INT(cfg.nb_queues, ==, 4);
	CHECK_INT(cfg.batch_size, ==, 16);
	CHECK_INT(cfg.ring_size, ==, 512);
	CHECK_INT(cfg.copy_type, ==, COPY_TYPE_SW);
	CHECK_INT(cfg.stats_interval, ==, 3);
	CHECK_INT(cfg.max_frame, ==, 9000);
}

TEST(long_options_arrive)
{
	CHECK_INT(parse("--portmask 0x3 --nb-queue=2 --dma-batch-size 8 --ring-size=64 "
	                "--copy-type=hw --stats-interval 1 --max-frame-size 1518 "
	                "--no-mac-updating --idle-exit 5"),
	          ==, CONFIG_RUN);
	CHECK_INT(cfg.portmask, ==, 3);
	CHECK_INT(cfg.nb_queues, ==, 2);
	CHECK_INT(cfg.batch_size, ==, 8);
	CHECK_INT(cfg.ring_size, ==, 64);
	CHECK_INT(cfg.max_frame, ==, 1518);
	CHECK_INT(cfg.idle_exit, ==, 5);
	CHECK(!cfg.mac_updating);
}

TEST(limits_themselves_are_legal)
{
	CHECK_INT(parse("-q 1 -b 1 -s 64 -f 64 -i 0"), ==, CONFIG_RUN);
	CHECK_INT(parse("-q 64 -b 1024 -s 32768 -f 16128 -i 86400"), ==, CONFIG_RUN);
	CHECK_INT(parse("-p ffffffffffffffff"), ==, CONFIG_RUN);
	CHECK(cfg.portmask == UINT64_MAX);
}

TEST(help_wins_over_what_follows)
{
	CHECK_INT(parse("-h"), ==, CONFIG_HELP);
	CHECK_INT(parse("--help --bogus"), ==, CONFIG_HELP);
}

TEST(numbers_outside_their_range_are_refused)
{
	check_refused("-q 0", "-q/--nb-queue", "1 to 64");
	check_refused("-q 65", "'65'", "1 to 64");
	check_refused("-b 0", "-b/--dma-batch-size", "1 to 1024");
	check_refused("-b 1025", "'1025'", "1 to 1024");
	check_refused("-s 32", "-s/--ring-size", "64 to 32768");
	check_refused("-s 65536", "'65536'", "64 to 32768");
	check_refused("-i 86401", "-i/--stats-interval", "0 to 86400");
	check_refused("-f 63", "-f/--max-frame-size", "64 to 16128");
	check_refused("-f 16129", "'16129'", "64 to 16128");
	check_refused("--idle-exit 86401", "--idle-exit", "0 to 86400");
	check_refused("-i 18446744073709551617", "'18446744073709551617'", "0 to 86400");
}

TEST(texts_that_are_no_numbers_are_refused)
{
	check_refused("-q 1x", "'1x'", "1 to 64");
	check_refused("-q -1", "'-1'", "1 to 64");
	check_refused("-q +1", "'+1'", "1 to 64");
	check_refused("-q 0x1", "'0x1'", "1 to 64");
	check_refused("--nb-queue=", "''", "1 to 64");
}

TEST(a_ring_that_is_no_power_of_two_is_refused)
{
	check_refused("-s 1000", "'1000'", "a power of two");
}

TEST(a_batch_larger_than_the_ring_is_refused_in_either_order)
{
	check_refused("-b 128 -s 64", "'128'", "1 to 64");
	check_refused("-s 64 -b 128", "'128'", "1 to 64");
	CHECK_INT(parse("-b 64 -s 64"), ==, CONFIG_RUN);
}

TEST(bad_port_masks_are_refused)
{
	check_refused("-p 0", "-p/--portmask", "hexadecimal");
	check_refused("-p 0x", "'0x'", "hexadecimal");
	check_refused("-p xyz", "'xyz'", "hexadecimal");
	check_refused("-p 3,", "'3,'", "hexadecimal");
	check_refused("-p -1", "'-1'", "hexadecimal");
	check_refused("-p 10000000000000000", "'10000000000000000'", "ffffffffffffffff");
}

TEST(an_unknown_copy_type_is_refused)
{
	check_refused("-c dma", "-c/--copy-type: bad value 'dma'", "hw or sw");
	check_refused("-c hw2", "'hw2'", "hw or sw");
}

TEST(a_missing_value_is_refused_with_the_legal_ones)
{
	check_refused("-q", "-q/--nb-queue: value missing", "1 to 64");
	check_refused("--ring-size", "-s/--ring-size: value missing", "64 to 32768");
	check_refused("--idle-exit", "--idle-exit: value missing", "0 to 86400");
	check_refused("-c", "-c/--copy-type: value missing", "hw or sw");
	check_refused("-p", "-p/--portmask: value missing", "hexadecimal");
}

TEST(an_option_given_twice_is_refused)
{
	check_refused("-q 1 -q 1", "-q/--nb-queue", "more than once");
	check_refused("-q 1 --nb-queue 2", "-q/--nb-queue", "more than once");
	check_refused("--mac-updating --no-mac-updating", "--[no-]mac-updating", "more than once");
}

TEST(what_is_no_option_is_named)
{
	check_refused("--bogus", "'--bogus'", "-h");
	check_refused("-q 2 -z", "'-z'", "-h");
	check_refused("word", "'word'", "-h");
	check_refused("-q 2 -- word", "'word'", "-h");
	check_refused("--mac-updating=1", "--mac-updating", "no value");
}

/* EAL's getopt() moves the "--" before what it skips. */
TEST(words_that_eal_skipped_are_named)
{
	int argc = split("dmafwd -l 0 dmafwd foo bar -c sw");

	CHECK_INT(config_check_eal(argc, argv, 5, 3, err), ==, -EINVAL);
	CHECK(strstr(err, "'foo'") != NULL);
}

TEST(words_that_eal_skipped_are_named_without_options_of_our_own)
{
	int argc = split("dmafwd -l dmafwd foo bar");

	CHECK_INT(config_check_eal(argc, argv, argc, 2, err), ==, -EINVAL);
	CHECK(strstr(err, "'foo'") != NULL);
}

TEST(an_eal_option_that_took_the_separator_is_an_error)
{
	int argc = split("dmafwd -l 0 -n -- dmafwd");

	CHECK_INT(config_check_eal(argc, argv, 4, 5, err), ==, -EINVAL);
	CHECK(strstr(err, "lacks its value") != NULL);
}

TEST(words_that_eal_took_are_no_error)
{
	int argc = split("dmafwd -l 0 -- -c sw");

	CHECK_INT(config_separator(argc, argv), ==, 3);
	CHECK_INT(config_check_eal(argc, argv, 3, 3, err), ==, 0);
	argc = split("dmafwd -l 0");
	CHECK_INT(config_separator(argc, argv), ==, argc);
	CHECK_INT(config_check_eal(argc, argv, argc, 2, err), ==, 0);
	argc = split("dmafwd");
	CHECK_INT(config_check_eal(argc, argv, argc, 0, err), ==, 0);
}

/* 300 digits; the words of split() would not hold them. */
TEST(a_long_value_does_not_push_out_the_legal_range)
{
	char value[301], line[320];

	memset(value, '9', 300);
	value[300] = '\0';
	snprintf(line, sizeof(line), "-q %s", value);
	check_refused(line, "'9999999999999999999999999999999999999999...'", "1 to 64");
	snprintf(line, sizeof(line), "%s", value);
	check_refused(line, "'9999999999999999999999999999999999999999...'", "-h");
}

TEST(a_value_that_would_break_the_line_does_not)
{
	check_refused("-q 1\n2\x1b[31m", "'1?2?[31m'", "1 to 64");
}

TEST(letters_of_many_bytes_stay_whole)
{
	char value[200] = "-q ", whole[200] = "'";

	for (int i = 0; i < 45; i++)
		strcat(value, "\xc3\xa4");
	for (int i = 0; i < 40; i++)
		strcat(whole, "\xc3\xa4");
	strcat(whole, "...'");
	check_refused(value, whole, "1 to 64");
	check_refused("-\xc3\xa4", "'-\xc3\xa4'", "-h");
	check_refused("-q 2 -\xc3\xa4", "'-\xc3\xa4'", "-h");
	check_refused("-\xc3\xa4 -q 2", "'-\xc3\xa4'", "-h");
}

TEST(help_takes_no_value)
{
	check_refused("--help=3", "-h/--help", "no value");
}

TEST(parsing_twice_starts_afresh)
{
	CHECK_INT(parse("-q 8 -c sw"), ==, CONFIG_RUN);
	CHECK_INT(parse("-c hw"), ==, CONFIG_RUN);
	CHECK_INT(cfg.nb_queues, ==, 1);
}

TEST(no_mask_means_all_ports_present)
{
	CHECK_INT(parse(""), ==, CONFIG_RUN);
	CHECK_INT(config_check_ports(&cfg, 0x15, err), ==, 0);
	CHECK_INT(cfg.portmask, ==, 0x15);
}

TEST(a_mask_of_present_ports_stays)
{
	CHECK_INT(parse("-p 5"), ==, CONFIG_RUN);
	CHECK_INT(config_check_ports(&cfg, 0x15, err), ==, 0);
	CHECK_INT(cfg.portmask, ==, 5);
}

TEST(a_mask_with_absent_ports_is_refused_with_the_present_ones)
{
	CHECK_INT(parse("-p b"), ==, CONFIG_RUN);
	CHECK_INT(config_check_ports(&cfg, 0x13, err), ==, -EINVAL);
	CHECK(strstr(err, "'b'") != NULL);
	CHECK(strstr(err, "bits of 13") != NULL);
}

TEST(no_port_at_all_is_an_error_that_says_what_to_add)
{
	CHECK_INT(parse(""), ==, CONFIG_RUN);
	CHECK_INT(config_check_ports(&cfg, 0, err), ==, -ENODEV);
	CHECK(strstr(err, "--vdev") != NULL);
}

TEST_MAIN("dmafwd_config")
