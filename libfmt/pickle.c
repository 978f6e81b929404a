/* The opcodes of pickle.h's machine: one table, one function per kind of opcode. Every value that is made takes bytes of
 * the stream, so memory is bounded by its length; nothing recurses. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "pickle_machine.h"

/* Literals. `op` is the opcode, because one function may serve several. */

static bool op_none(struct pkl_machine *m, uint8_t op)
{
	(void)op;
	return pkl_push(m, pkl_make(m, PKL_NONE));
}

static bool op_bool(struct pkl_machine *m, uint8_t op)
{
	struct pkl *v = pkl_make(m, PKL_BOOL);

	if (v)
		v->as.b = op == 0x88;
	return pkl_push(m, v);
}

static bool push_int(struct pkl_machine *m, int64_t i)
{
	struct pkl *v = pkl_make(m, PKL_INT);

	if (v)
		v->as.i = i;
	return pkl_push(m, v);
}

static bool op_int(struct pkl_machine *m, uint8_t op)
{
	if (op == 'K')
		return push_int(m, fmt_cur_u8(&m->in, "pickle: BININT1"));
	if (op == 'M')
		return push_int(m, fmt_cur_u16(&m->in, "pickle: BININT2"));
	return push_int(m, (int32_t)fmt_cur_u32(&m->in, "pickle: BININT"));
}

/* An integer of n bytes, little endian two's complement. */
static bool op_long(struct pkl_machine *m, uint8_t op)
{
	uint32_t n = op == 0x8a ? fmt_cur_u8(&m->in, "pickle: LONG1") : fmt_cur_u32(&m->in, "pickle: LONG4");
	const uint8_t *p = fmt_cur_take(&m->in, n, "pickle: a long integer");
	uint64_t bits = 0;
	struct pkl *v;

	if (!p)
		return false;
	if (n > 8) {
		v = pkl_make(m, PKL_BIGINT);
		if (v) {
			v->as.s = (const char *)p;
			v->n = n;
		}
		return pkl_push(m, v);
	}
	for (uint32_t k = 0; k < n; k++)
		bits |= (uint64_t)p[k] << 8 * k;
	if (n && n < 8 && p[n - 1] & 0x80)
		bits |= UINT64_MAX << 8 * n;
	return push_int(m, (int64_t)bits);
}

static bool op_float(struct pkl_machine *m, uint8_t op)
{
	const uint8_t *p = fmt_cur_take(&m->in, 8, "pickle: BINFLOAT");
	struct pkl *v = p ? pkl_make(m, PKL_FLOAT) : NULL;
	uint64_t bits = 0;

	(void)op;
	if (!v)
		return false;
	for (int k = 0; k < 8; k++)
		bits = bits << 8 | p[k]; /* the one number in a pickle that is big endian */
	memcpy(&v->as.f, &bits, sizeof bits);
	return pkl_push(m, v);
}

static bool push_text(struct pkl_machine *m, enum pkl_kind kind, uint64_t n)
{
	const uint8_t *p;
	struct pkl *v;

	if (!fmt_cur_ok(&m->in))
		return false;
	if (n > fmt_cur_left(&m->in))
		return fmt_fail(m->err, FMT_TRUNCATED, m->at, "pickle: a text of %" PRIu64 " bytes, %" PRIu64 " left", n,
		                fmt_cur_left(&m->in));
	p = fmt_cur_take(&m->in, (size_t)n, "pickle: text");
	v = p ? pkl_make(m, kind) : NULL;
	if (v) {
		v->as.s = (const char *)p;
		v->n = (uint32_t)n;
	}
	return pkl_push(m, v);
}

/* Text with a length of one byte; python 2's byte strings count as text, as torch takes them. */
static bool op_text1(struct pkl_machine *m, uint8_t op)
{
	return push_text(m, op == 'C' ? PKL_BYTES : PKL_STR, fmt_cur_u8(&m->in, "pickle: length of a text"));
}

static bool op_text4(struct pkl_machine *m, uint8_t op)
{
	return push_text(m, op == 'B' ? PKL_BYTES : PKL_STR, fmt_cur_u32(&m->in, "pickle: length of a text"));
}

static bool op_text8(struct pkl_machine *m, uint8_t op)
{
	return push_text(m, op == 0x8e ? PKL_BYTES : PKL_STR, fmt_cur_u64(&m->in, "pickle: length of a text"));
}

/* Containers. */

static bool op_empty(struct pkl_machine *m, uint8_t op)
{
	enum pkl_kind kind = op == '}' ? PKL_DICT : op == ']' ? PKL_LIST : op == ')' ? PKL_TUPLE : PKL_SET;

	return pkl_push_container(m, kind, NULL, 0);
}

static bool op_mark(struct pkl_machine *m, uint8_t op)
{
	(void)op;
	if (m->n_marks == LIMIT_PICKLE_MARKS)
		return fmt_fail(m->err, FMT_LIMIT, m->at, "pickle: more than %d open marks", LIMIT_PICKLE_MARKS);
	m->marks[m->n_marks++] = m->n_stack;
	return true;
}

static bool op_tuple(struct pkl_machine *m, uint8_t op)
{
	const struct pkl **items = NULL;
	uint64_t n = op - 0x84u; /* TUPLE1, TUPLE2, TUPLE3 */

	if (op == 't') {
		if (!pkl_pop_mark(m, &items, &n))
			return false;
	} else {
		if (!pkl_need(m, n))
			return false;
		m->n_stack -= n;
		items = m->stack + m->n_stack;
	}
	return pkl_push_container(m, PKL_TUPLE, items, n);
}

/* Adds to the container that lies below: one item or pair, or all above the mark. */
static bool op_add(struct pkl_machine *m, uint8_t op)
{
	bool one = op == 'a' || op == 's', pairs = op == 's' || op == 'u';
	enum pkl_kind kind = pairs ? PKL_DICT : op == 0x90 ? PKL_SET : PKL_LIST;
	const struct pkl **items = NULL;
	uint64_t n = pairs ? 2 : 1;

	if (one) {
		if (!pkl_need(m, n + 1))
			return false;
		m->n_stack -= n;
		items = m->stack + m->n_stack;
	} else if (!pkl_pop_mark(m, &items, &n) || !pkl_need(m, 1)) {
		return false;
	}
	if (m->stack[m->n_stack - 1]->kind != kind)
		return pkl_bad(m, pairs ? "sets an item of what is no dict" : "adds an item to what cannot hold it");
	if (pairs && n % 2)
		return pkl_bad(m, "a key without a value");
	return pkl_append(m, m->stack[m->n_stack - 1], items, n);
}

/* The memo. */

static bool remember(struct pkl_machine *m, uint64_t index)
{
	if (!pkl_need(m, 1))
		return false;
	/* each entry takes two bytes of the stream at the least, so no honest index is beyond the place where it stands */
	if (index > m->at)
		return fmt_fail(m->err, FMT_LIMIT, m->at, "pickle: memo number %" PRIu64, index);
	if (!pkl_reserve(m, &m->memo, &m->cap_memo, index + 1))
		return false;
	m->memo[index] = m->stack[m->n_stack - 1];
	m->n_memo++;
	return true;
}

static bool op_put(struct pkl_machine *m, uint8_t op)
{
	uint64_t index = m->n_memo; /* MEMOIZE */

	if (op == 'q')
		index = fmt_cur_u8(&m->in, "pickle: BINPUT");
	else if (op == 'r')
		index = fmt_cur_u32(&m->in, "pickle: LONG_BINPUT");
	return fmt_cur_ok(&m->in) && remember(m, index);
}

static bool op_get(struct pkl_machine *m, uint8_t op)
{
	uint64_t index = op == 'h' ? fmt_cur_u8(&m->in, "pickle: BINGET") : fmt_cur_u32(&m->in, "pickle: LONG_BINGET");

	if (!fmt_cur_ok(&m->in))
		return false;
	if (index >= m->cap_memo || !m->memo[index])
		return pkl_bad(m, "asks for a memo that was never made");
	return pkl_push(m, m->memo[index]);
}

/* Names, and what is done with them. */

static bool push_global(struct pkl_machine *m, struct fmt_str module, struct fmt_str name)
{
	const struct pkl_global *g = pickle_global(module.p, module.n, name.p, name.n);
	char dotted[FMT_SHOW_BYTES], shown[FMT_SHOW_BYTES];
	struct pkl *v;

	if (!g) {
		snprintf(dotted, sizeof dotted, "%.*s.%.*s", module.n < 90 ? (int)module.n : 90, module.p,
		         name.n < 90 ? (int)name.n : 90, name.p);
		return fmt_fail(m->err, FMT_UNSAFE, m->at, "pickle asks for %s: not a tensor; nothing was run",
		                fmt_show((struct fmt_str){ dotted, strlen(dotted) }, shown));
	}
	v = pkl_make(m, PKL_GLOBAL);
	if (v)
		v->as.global = g;
	return pkl_push(m, v);
}

/* The bytes up to a newline, which is taken too. */
static bool line(struct pkl_machine *m, struct fmt_str *s)
{
	uint64_t left = fmt_cur_left(&m->in);
	struct fmt_cur ahead = m->in;
	const uint8_t *p = fmt_cur_take(&ahead, (size_t)left, "pickle: a name");
	const uint8_t *end = p ? memchr(p, '\n', (size_t)left) : NULL;

	if (!end)
		return pkl_bad(m, "a name without an end");
	*s = (struct fmt_str){ (const char *)p, (size_t)(end - p) };
	return fmt_cur_skip(&m->in, s->n + 1, "pickle: a name");
}

static bool op_global(struct pkl_machine *m, uint8_t op)
{
	struct fmt_str module, name;

	(void)op;
	return line(m, &module) && line(m, &name) && push_global(m, module, name);
}

static bool op_stack_global(struct pkl_machine *m, uint8_t op)
{
	const struct pkl *name = pkl_pop(m), *module = name ? pkl_pop(m) : NULL;

	(void)op;
	if (!module)
		return false;
	if (name->kind != PKL_STR || module->kind != PKL_STR)
		return pkl_bad(m, "a name that is no text");
	return push_global(m, (struct fmt_str){ module->as.s, module->n }, (struct fmt_str){ name->as.s, name->n });
}

/* OrderedDict(): its items come later, or as a list of pairs. */
static bool push_dict(struct pkl_machine *m, const struct pkl *args)
{
	const struct pkl *list = args->n ? args->as.items[0] : NULL;

	if (args->n > 1 || (list && list->kind != PKL_LIST && list->kind != PKL_TUPLE && list->kind != PKL_DICT))
		return pkl_bad(m, "a dict made of something else than pairs");
	if (list && list->kind == PKL_DICT)
		return pkl_push_container(m, PKL_DICT, list->as.items, 2 * (uint64_t)list->n);
	if (!pkl_push_container(m, PKL_DICT, NULL, 0))
		return false;
	for (uint32_t k = 0; list && k < list->n; k++) {
		const struct pkl *pair = list->as.items[k];

		if ((pair->kind != PKL_LIST && pair->kind != PKL_TUPLE) || pair->n != 2)
			return pkl_bad(m, "a dict made of something else than pairs");
		if (!pkl_append(m, m->stack[m->n_stack - 1], pair->as.items, 2))
			return false;
	}
	return true;
}

/* REDUCE and NEWOBJ: would call a name with a tuple. */
static bool op_call(struct pkl_machine *m, uint8_t op)
{
	const struct pkl *args = pkl_pop(m), *what = args ? pkl_pop(m) : NULL;
	const struct pkl *pair[] = { what, args };

	(void)op;
	if (!what)
		return false;
	if (what->kind != PKL_GLOBAL || args->kind != PKL_TUPLE)
		return fmt_fail(m->err, FMT_UNSAFE, m->at, "pickle calls something that is no name; nothing was run");
	if (what->as.global->role == PKL_AS_DICT)
		return push_dict(m, args);
	return pkl_push_container(m, PKL_CALL, pair, 2);
}

/* BUILD: attributes of an object. torch keeps versions in those of a state dict; they are of no use here. */
static bool op_build(struct pkl_machine *m, uint8_t op)
{
	(void)op;
	if (!pkl_pop(m) || !pkl_need(m, 1))
		return false;
	if (m->stack[m->n_stack - 1]->kind != PKL_DICT && m->stack[m->n_stack - 1]->kind != PKL_CALL)
		return pkl_bad(m, "sets attributes of what has none");
	return true;
}

static bool op_persid(struct pkl_machine *m, uint8_t op)
{
	const struct pkl *id = pkl_pop(m);

	(void)op;
	if (!id || !pkl_push_container(m, PKL_PERSID, &id, 1) ||
	    !pkl_reserve(m, &m->persids, &m->cap_persids, m->n_persids + 1))
		return false;
	m->persids[m->n_persids++] = m->stack[m->n_stack - 1];
	return true;
}

static bool op_proto(struct pkl_machine *m, uint8_t op)
{
	uint8_t version = fmt_cur_u8(&m->in, "pickle: PROTO");

	(void)op;
	if (!fmt_cur_ok(&m->in))
		return false;
	if (version < 2 || version > 5)
		return fmt_fail(m->err, FMT_UNSUPPORTED, m->at, "pickle protocol %u", version);
	return true;
}

/* FRAME only tells how much to read at once. */
static bool op_frame(struct pkl_machine *m, uint8_t op)
{
	uint64_t n = fmt_cur_u64(&m->in, "pickle: FRAME");

	(void)op;
	if (fmt_cur_ok(&m->in) && n > fmt_cur_left(&m->in))
		return fmt_fail(m->err, FMT_TRUNCATED, m->at, "pickle: a frame of %" PRIu64 " bytes, %" PRIu64 " left", n,
		                fmt_cur_left(&m->in));
	return fmt_cur_ok(&m->in);
}

static bool op_stop(struct pkl_machine *m, uint8_t op)
{
	(void)op;
	if (m->n_stack != 1 || m->n_marks)
		return pkl_bad(m, "ends with something else than one value on the stack");
	m->done = true;
	return true;
}

/* Opcode: what carries it out, and its name in CPython's pickletools. Those without a function are known, and refused. */
static const struct {
	bool (*run)(struct pkl_machine *m, uint8_t op);
	const char *name;
} ops[256] = {
	['('] = { op_mark, "MARK" },
	[')'] = { op_empty, "EMPTY_TUPLE" },
	['.'] = { op_stop, "STOP" },
	['0'] = { NULL, "POP" },
	['1'] = { NULL, "POP_MARK" },
	['2'] = { NULL, "DUP" },
	['B'] = { op_text4, "BINBYTES" },
	['C'] = { op_text1, "SHORT_BINBYTES" },
	['F'] = { NULL, "FLOAT" },
	['G'] = { op_float, "BINFLOAT" },
	['I'] = { NULL, "INT" },
	['J'] = { op_int, "BININT" },
	['K'] = { op_int, "BININT1" },
	['L'] = { NULL, "LONG" },
	['M'] = { op_int, "BININT2" },
	['N'] = { op_none, "NONE" },
	['P'] = { NULL, "PERSID" },
	['Q'] = { op_persid, "BINPERSID" },
	['R'] = { op_call, "REDUCE" },
	['S'] = { NULL, "STRING" },
	['T'] = { op_text4, "BINSTRING" },
	['U'] = { op_text1, "SHORT_BINSTRING" },
	['V'] = { NULL, "UNICODE" },
	['X'] = { op_text4, "BINUNICODE" },
	[']'] = { op_empty, "EMPTY_LIST" },
	['a'] = { op_add, "APPEND" },
	['b'] = { op_build, "BUILD" },
	['c'] = { op_global, "GLOBAL" },
	['d'] = { NULL, "DICT" },
	['e'] = { op_add, "APPENDS" },
	['g'] = { NULL, "GET" },
	['h'] = { op_get, "BINGET" },
	['i'] = { NULL, "INST" },
	['j'] = { op_get, "LONG_BINGET" },
	['l'] = { NULL, "LIST" },
	['o'] = { NULL, "OBJ" },
	['p'] = { NULL, "PUT" },
	['q'] = { op_put, "BINPUT" },
	['r'] = { op_put, "LONG_BINPUT" },
	['s'] = { op_add, "SETITEM" },
	['t'] = { op_tuple, "TUPLE" },
	['u'] = { op_add, "SETITEMS" },
	['}'] = { op_empty, "EMPTY_DICT" },
	[0x80] = { op_proto, "PROTO" },
	[0x81] = { op_call, "NEWOBJ" },
	[0x82] = { NULL, "EXT1" },
	[0x83] = { NULL, "EXT2" },
	[0x84] = { NULL, "EXT4" },
	[0x85] = { op_tuple, "TUPLE1" },
	[0x86] = { op_tuple, "TUPLE2" },
	[0x87] = { op_tuple, "TUPLE3" },
	[0x88] = { op_bool, "NEWTRUE" },
	[0x89] = { op_bool, "NEWFALSE" },
	[0x8a] = { op_long, "LONG1" },
	[0x8b] = { op_long, "LONG4" },
	[0x8c] = { op_text1, "SHORT_BINUNICODE" },
	[0x8d] = { op_text8, "BINUNICODE8" },
	[0x8e] = { op_text8, "BINBYTES8" },
	[0x8f] = { op_empty, "EMPTY_SET" },
	[0x90] = { op_add, "ADDITEMS" },
	[0x91] = { NULL, "FROZENSET" },
	[0x92] = { NULL, "NEWOBJ_EX" },
	[0x93] = { op_stack_global, "STACK_GLOBAL" },
	[0x94] = { op_put, "MEMOIZE" },
	[0x95] = { op_frame, "FRAME" },
	[0x96] = { NULL, "BYTEARRAY8" },
	[0x97] = { NULL, "NEXT_BUFFER" },
	[0x98] = { NULL, "READONLY_BUFFER" },
};

static bool step(struct pkl_machine *m)
{
	uint8_t op;

	m->at = m->in.pos;
	if (!fmt_cur_left(&m->in))
		return fmt_fail(m->err, FMT_TRUNCATED, m->at, "pickle: ends without STOP");
	op = fmt_cur_u8(&m->in, "pickle: opcode");
	if (!ops[op].name)
		return fmt_fail(m->err, FMT_MALFORMED, m->at, "pickle: byte 0x%02x is no opcode", op);
	if (!ops[op].run)
		return fmt_fail(m->err, FMT_UNSUPPORTED, m->at, "pickle uses %s, which tensors have no need of", ops[op].name);
	return ops[op].run(m, op);
}

bool pickle_parse(struct pickle *out, const uint8_t *bytes, size_t n, uint64_t base, struct fmt_arena *arena,
                  struct fmt_err *err)
{
	struct pkl_machine m = { .arena = arena, .err = err };

	/* a longer stream may follow something else: what lies beyond the ceiling is never looked at */
	fmt_cur_init(&m.in, bytes, n < LIMIT_PICKLE_BYTES ? n : LIMIT_PICKLE_BYTES, err);
	while (!m.done && step(&m))
		;
	if (err->code) {
		if (err->off != FMT_NO_OFFSET)
			err->off += base;
		return false;
	}
	*out = (struct pickle){ m.stack[0], m.persids, m.n_persids, (size_t)m.in.pos };
	return true;
}

const struct pkl *pickle_get(const struct pkl *dict, const char *key)
{
	const struct pkl *found = NULL;
	size_t n = strlen(key);

	for (uint32_t k = 0; dict && dict->kind == PKL_DICT && k < dict->n; k++) {
		const struct pkl *name = dict->as.items[2 * k];

		if (name->kind == PKL_STR && name->n == n && !memcmp(name->as.s, key, n))
			found = dict->as.items[2 * k + 1];
	}
	return found;
}
