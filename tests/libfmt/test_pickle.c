/* pickle.c: what is read, and that everything else is refused with the place and the reason. The streams are written
 * out by hand from the list of opcodes in CPython's pickletools. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pickle.h"

#define BYTES(literal) (literal), sizeof(literal) - 1

struct parsed {
	struct fmt_arena arena;
	struct pickle pickle;
	struct fmt_err err;
	uint8_t *copy; /* of the exact size, so that the sanitizer sees any byte read beyond it; the values refer to it */
	bool ok;
};

static struct parsed parse(const char *p, size_t n)
{
	struct parsed r = { .ok = false };

	fmt_arena_init(&r.arena, PICKLE_ARENA_LIMIT(n));
	r.copy = malloc(n ? n : 1);
	assert_non_null(r.copy);
	memcpy(r.copy, p, n);
	r.ok = pickle_parse(&r.pickle, r.copy, n, 1000, &r.arena, &r.err);
	return r;
}

static void finish(struct parsed *r)
{
	fmt_arena_finish(&r->arena);
	free(r->copy);
}

static void numbers(void **state)
{
	/* (None, True, False, 255, 65535, -2, 2^40, -1, 0.5) and a long of 10 bytes */
	struct parsed r = parse(BYTES("\x80\x02(N\x88\x89K\xffM\xff\xffJ\xfe\xff\xff\xff\x8a\x06\0\0\0\0\0\x01\x8a\x01\xff"
	                              "G\x3f\xe0\0\0\0\0\0\0\x8a\x0a\1\2\3\4\5\6\7\x08\x09\x0a\x8a\0t."));
	const struct pkl *const *v = r.pickle.root->as.items;

	(void)state;
	assert_true(r.ok);
	assert_int_equal(r.pickle.root->kind, PKL_TUPLE);
	assert_int_equal(r.pickle.root->n, 11);
	assert_int_equal(v[0]->kind, PKL_NONE);
	assert_true(v[1]->as.b && !v[2]->as.b);
	assert_int_equal(v[3]->as.i, 255);
	assert_int_equal(v[4]->as.i, 65535);
	assert_int_equal(v[5]->as.i, -2);
	assert_true(v[6]->as.i == (int64_t)1 << 40);
	assert_int_equal(v[7]->as.i, -1);
	assert_true(v[8]->as.f == 0.5);
	assert_int_equal(v[9]->kind, PKL_BIGINT);
	assert_int_equal(v[9]->n, 10);
	assert_int_equal(v[10]->as.i, 0);
	finish(&r);
}

static void containers(void **state)
{
	/* {"a": [1, 2], "b": ()} with memos, then "a" again: the last of two counts */
	struct parsed r = parse(BYTES("\x80\x02}q\0(X\1\0\0\0aq\1]q\2(K\1K\2eX\1\0\0\0b)u" "h\1K\x09s."));
	const struct pkl *a, *b;

	(void)state;
	assert_true(r.ok);
	assert_int_equal(r.pickle.root->kind, PKL_DICT);
	assert_int_equal(r.pickle.root->n, 3);
	a = pickle_get(r.pickle.root, "a");
	b = pickle_get(r.pickle.root, "b");
	assert_int_equal(a->as.i, 9);
	assert_int_equal(b->kind, PKL_TUPLE);
	assert_int_equal(b->n, 0);
	assert_null(pickle_get(r.pickle.root, "c"));
	assert_int_equal(r.pickle.root->as.items[1]->n, 2);
	finish(&r);
}

static void protocol_4(void **state)
{
	/* FRAME, SHORT_BINUNICODE, MEMOIZE, STACK_GLOBAL, an OrderedDict of pairs */
	struct parsed r = parse(BYTES("\x80\x04\x95\x2c\0\0\0\0\0\0\0\x8c\x0b" "collections\x94\x8c\x0bOrderedDict\x94\x93\x94"
	                              "]](\x8c\1kK\7ea\x85R\x94."));

	(void)state;
	assert_true(r.ok);
	assert_int_equal(r.pickle.root->kind, PKL_DICT);
	assert_int_equal(pickle_get(r.pickle.root, "k")->as.i, 7);
	finish(&r);
}

static void tensors_stay_calls(void **state)
{
	struct parsed r = parse(BYTES("\x80\x02" "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\n"
	                              "X\1\0\0\0" "0X\3\0\0\0" "cpuK\4tQK\0K\4\x85K\1\x85\x89" "ccollections\nOrderedDict\n)RtR."));
	const struct pkl *call = r.pickle.root;

	(void)state;
	assert_true(r.ok);
	assert_int_equal(call->kind, PKL_CALL);
	assert_int_equal(call->as.items[0]->as.global->role, PKL_AS_TENSOR);
	assert_int_equal(call->as.items[1]->n, 6);
	assert_int_equal(call->as.items[1]->as.items[0]->kind, PKL_PERSID);
	assert_int_equal(r.pickle.n_persids, 1);
	assert_ptr_equal(r.pickle.persids[0], call->as.items[1]->as.items[0]);
	finish(&r);
}

static void stops_at_stop(void **state)
{
	struct parsed r = parse(BYTES("\x80\x02K\1.garbage"));

	(void)state;
	assert_true(r.ok);
	assert_int_equal(r.pickle.n_bytes, 5);
	finish(&r);
}

static void contains_itself(void **state)
{
	/* d = {}; d["d"] = d */
	struct parsed r = parse(BYTES("\x80\x02}q\0X\1\0\0\0dh\0s."));

	(void)state;
	assert_true(r.ok);
	assert_ptr_equal(pickle_get(r.pickle.root, "d"), r.pickle.root);
	finish(&r);
}

static void refused(void **state)
{
	static const struct {
		const char *p;
		size_t n;
		enum fmt_code code;
		uint64_t off;
		const char *text; /* a part of the message */
	} cases[] = {
		{ BYTES("cos\nsystem\n(X\2\0\0\0lst\x85R."), FMT_UNSAFE, 0, "pickle asks for 'os.system': not a tensor" },
		{ BYTES("\x80\x02" "cposix\nsystem\n."), FMT_UNSAFE, 2, "'posix.system'" },
		{ BYTES("\x80\x02" "cbuiltins\neval\n."), FMT_UNSAFE, 2, "'builtins.eval'" },
		{ BYTES("\x80\x02" "c__main__\nNet\n."), FMT_UNSAFE, 2, "'__main__.Net'" },
		{ BYTES("\x80\x02" "ctorch\n_utils._rebuild_tensor_v2\n."), FMT_UNSAFE, 2, "not a tensor" },
		{ BYTES("\x80\x02" "ctorch.hub\nload\n."), FMT_UNSAFE, 2, "'torch.hub.load'" },
		{ BYTES("\x80\x04\x8c\2os\x8c\6system\x93."), FMT_UNSAFE, 14, "'os.system'" },
		{ BYTES("\x80\x04\x8c\5torch\x8c\4load\x93."), FMT_UNSAFE, 15, "'torch.load'" },
		{ BYTES("\x80\x04K\1K\2\x93."), FMT_MALFORMED, 6, "no text" },
		{ BYTES("\x80\x02" "c\033[2J\nx\n."), FMT_UNSAFE, 2, "not a tensor" },
		{ BYTES("\x80\x02" "cos"), FMT_MALFORMED, 2, "without an end" },
		{ BYTES("\x80\x02K\1)R."), FMT_UNSAFE, 5, "no name" },
		{ BYTES("\x80\x02K\1)\x81."), FMT_UNSAFE, 5, "no name" },
		{ BYTES("(ios\nsystem\n."), FMT_UNSUPPORTED, 1, "INST" },
		{ BYTES("(cos\nsystem\no."), FMT_UNSAFE, 1, "os.system" },
		{ BYTES("\x80\x02(K\1o."), FMT_UNSUPPORTED, 5, "OBJ" },
		{ BYTES("\x80\x02\x82\x01."), FMT_UNSUPPORTED, 2, "EXT1" },
		{ BYTES("Pabc\n."), FMT_UNSUPPORTED, 0, "PERSID" },
		{ BYTES("\x80\x02K\1" "2."), FMT_UNSUPPORTED, 4, "DUP" },
		{ BYTES("\x80\x02K\1" "0K\2."), FMT_UNSUPPORTED, 4, "POP" },
		{ BYTES("\x80\x05\x97."), FMT_UNSUPPORTED, 2, "NEXT_BUFFER" },
		{ BYTES("\x80\x01K\1."), FMT_UNSUPPORTED, 0, "protocol 1" },
		{ BYTES("\x80\x06K\1."), FMT_UNSUPPORTED, 0, "protocol 6" },
		{ BYTES("\x80\x02\xff."), FMT_MALFORMED, 2, "no opcode" },
		{ BYTES(""), FMT_TRUNCATED, 0, "without STOP" },
		{ BYTES("\x80\x02K\1"), FMT_TRUNCATED, 4, "without STOP" },
		{ BYTES("\x80\x02K"), FMT_TRUNCATED, 3, "BININT1" },
		{ BYTES("\x80\x02X\xff\xff\xff\xff" "a."), FMT_TRUNCATED, 2, "text of 4294967295" },
		{ BYTES("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff" "a."), FMT_TRUNCATED, 2, "text of" },
		{ BYTES("\x80\x02\x8b\xff\xff\xff\xff" "a."), FMT_TRUNCATED, 7, "long integer" },
		{ BYTES("\x80\x04\x95\xff\0\0\0\0\0\0\0K\1."), FMT_TRUNCATED, 2, "frame" },
		{ BYTES("\x80\x02."), FMT_MALFORMED, 2, "one value" },
		{ BYTES("\x80\x02K\1K\2."), FMT_MALFORMED, 6, "one value" },
		{ BYTES("\x80\x02K\1(."), FMT_MALFORMED, 5, "one value" },
		{ BYTES("\x80\x02t."), FMT_MALFORMED, 2, "no mark" },
		{ BYTES("\x80\x02\x86."), FMT_MALFORMED, 2, "takes more" },
		{ BYTES("\x80\x02K\1(\x85."), FMT_MALFORMED, 5, "takes more" },
		{ BYTES("\x80\x02(K\1u."), FMT_MALFORMED, 5, "takes more" },
		{ BYTES("\x80\x02](K\1K\2u."), FMT_MALFORMED, 8, "no dict" },
		{ BYTES("\x80\x02}(K\1u."), FMT_MALFORMED, 6, "without a value" },
		{ BYTES("\x80\x02}K\1a."), FMT_MALFORMED, 5, "cannot hold" },
		{ BYTES("\x80\x02h\0."), FMT_MALFORMED, 2, "memo" },
		{ BYTES("\x80\x02K\1r\xff\xff\xff\xff."), FMT_LIMIT, 4, "memo" },
		{ BYTES("\x80\x02q\0."), FMT_MALFORMED, 2, "takes more" },
		{ BYTES("\x80\x02K\1}b."), FMT_MALFORMED, 5, "attributes" },
		{ BYTES("\x80\x02Q."), FMT_MALFORMED, 2, "takes more" },
		{ BYTES("\x80\x02" "ccollections\nOrderedDict\nK\1\x85R."), FMT_MALFORMED, 30, "pairs" },
		{ BYTES("\x80\x02" "ccollections\nOrderedDict\n]K\1a\x85R."), FMT_MALFORMED, 32, "pairs" },
	};

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct parsed r = parse(cases[k].p, cases[k].n);

		if (r.ok || r.err.code != cases[k].code || !strstr(r.err.msg, cases[k].text) ||
		    r.err.off != 1000 + cases[k].off)
			fail_msg("case %zu: code %d at %llu: %s", k, (int)r.err.code, (unsigned long long)r.err.off, r.err.msg);
		finish(&r);
	}
}

static void nothing_is_acted_on_before_the_end(void **state)
{
	/* a good dict, then a broken tail */
	struct parsed r = parse(BYTES("\x80\x02}X\1\0\0\0aK\1s\xff"));

	(void)state;
	assert_false(r.ok);
	finish(&r);
}

static void deep_and_wide(void **state)
{
	size_t n = 300000;
	char *p = malloc(n + 3);
	struct parsed r;

	(void)state;
	assert_non_null(p);
	memcpy(p, "\x80\x02)", 3);
	memset(p + 3, '\x85', n - 1); /* tuples in tuples: nothing recurses, so this is data like any other */
	p[n + 2] = '.';
	r = parse(p, n + 3);
	assert_true(r.ok);
	finish(&r);
	memset(p + 2, '(', n);
	r = parse(p, n + 3);
	assert_false(r.ok);
	assert_int_equal(r.err.code, FMT_LIMIT);
	finish(&r);
	free(p);
}

/* A dict copied from a shared dict again and again: quadratic, and stopped by the ceiling on memory. */
static void copies(void **state)
{
	static const char head[] = "\x80\x02" "ccollections\nOrderedDict\nq\0}q\1(";
	size_t n_items = 20000, n_copies = 40000, n = 0;
	char *p = malloc(sizeof head + 4 * n_items + 6 * n_copies + 10);
	struct parsed r;

	(void)state;
	assert_non_null(p);
	memcpy(p, head, sizeof head - 1);
	n = sizeof head - 1;
	for (size_t k = 0; k < n_items; k++, n += 4)
		memcpy(p + n, "K\1K\1", 4);
	memcpy(p + n, "u\x85q\2", 4);
	n += 4;
	for (size_t k = 0; k < n_copies; k++, n += 5)
		memcpy(p + n, "h\0h\2R", 5);
	p[n++] = '.';
	r = parse(p, n);
	assert_false(r.ok);
	assert_int_equal(r.err.code, FMT_LIMIT);
	finish(&r);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(containers),
		cmocka_unit_test(protocol_4),
		cmocka_unit_test(tensors_stay_calls),
		cmocka_unit_test(stops_at_stop),
		cmocka_unit_test(contains_itself),
		cmocka_unit_test(refused),
		cmocka_unit_test(nothing_is_acted_on_before_the_end),
		cmocka_unit_test(deep_and_wide),
		cmocka_unit_test(copies),
	};

	return cmocka_run_group_tests_name("pickle", tests, NULL, NULL);
}
