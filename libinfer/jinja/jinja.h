/* What the parts of the template engine share: memory, values, the tree, the machine that walks it.
 *
 * Errors are sticky: the first one stays in *err, after it every function returns at once with an undefined value, and
 * loops ask jj_ok. So code that calculates reads straight through. */
#ifndef INFER_JINJA_H
#define INFER_JINJA_H

#include <stddef.h>

#include <libfmt/model.h>

/* Ceilings. Templates in use have some 10 KB, nest a dozen deep and take some thousand steps for a conversation. */
#define JJ_MAX_TEXT   (UINT64_C(16) << 20)  /* bytes of a template */
#define JJ_MAX_DEPTH  600                   /* nodes within nodes, calls within calls: the walk recurses */
#define JJ_MAX_NEST   150                   /* brackets and blocks in each other while parsing */
#define JJ_MAX_STEPS  UINT64_C(20000000)    /* one per node; long strings and lists cost more */
#define JJ_MAX_BYTES  (UINT64_C(256) << 20) /* of all values that were ever made, and of the output */
#define JJ_MAX_RANGE  100000                /* of range(); Jinja's sandbox has the same */
#define JJ_MAX_VALUE_DEPTH 200              /* lists in lists, when they are walked */

/* ---- memory (jinja_mem.c): pieces that live until all is thrown away */

struct jj_mem {
	struct jj_block *blocks;
	uint64_t n_bytes;
	struct fmt_err *err;
};

void *jj_alloc(struct jj_mem *m, size_t n, size_t item_bytes); /* zeroed; NULL after an error */
void *jj_grow(struct jj_mem *m, void *old, size_t old_n, size_t *cap, size_t item_bytes); /* room for one item more */
char *jj_room(struct jj_mem *m, size_t n);                     /* n bytes, not set */
struct fmt_str jj_copy(struct jj_mem *m, struct fmt_str s);
/* a and b as one string. Where a is what was made last, it grows in place, so that building a text piece by piece
 * takes time in proportion to it. */
struct fmt_str jj_join(struct jj_mem *m, struct fmt_str a, struct fmt_str b);
void jj_mem_finish(struct jj_mem *m);

/* A text that grows. */
struct jj_buf {
	char *p;
	size_t n, cap;
};

/* ---- values */

enum jj_type {
	JJ_UNDEFINED,
	JJ_NONE,
	JJ_BOOL,
	JJ_INT,
	JJ_FLOAT,
	JJ_STR,
	JJ_LIST,
	JJ_TUPLE,
	JJ_GEN,       /* what filters such as map give: can be gone through once, has no length, is true */
	JJ_VIEW,      /* keys(), values(), items() of a dict: no index */
	JJ_RANGE,
	JJ_DICT,
	JJ_NAMESPACE, /* a dict that can be assigned to */
	JJ_LOOP,
	JJ_MACRO,
	JJ_METHOD,    /* of the value it is bound to */
	JJ_FUNCTION,  /* a global one */
	JJ_CYCLER,
	JJ_JOINER,
};

struct jj_value {
	uint8_t type;  /* enum jj_type */
	uint8_t of;    /* JJ_UNDEFINED: see enum jj_missing */
	bool safe;     /* JJ_STR: marked as HTML, what is added to it is escaped */
	union {
		bool b;
		int64_t i;
		double f;
		struct fmt_str s;          /* JJ_STR; JJ_UNDEFINED: the name that was looked for */
		struct jj_list *list;      /* JJ_LIST to JJ_RANGE; JJ_CYCLER */
		struct jj_dict *dict;      /* JJ_DICT, JJ_NAMESPACE */
		struct jj_loop *loop;
		struct jj_macro *macro;
		struct jj_method *method;
		struct jj_joiner *joiner;
		const struct jj_function *function;
	} as;
};

/* Why a value is undefined; from JJ_MISSING_IN on the type of what has no such attribute or element. */
enum jj_missing { JJ_MISSING_NAME, JJ_MISSING_ARGUMENT, JJ_MISSING_UNSAFE, JJ_MISSING_OTHER, JJ_MISSING_IN };

struct jj_list {
	struct jj_value *items;
	size_t n, cap;
	bool consumed;      /* JJ_GEN: has been gone through */
	struct fmt_str show; /* JJ_VIEW: "dict_items"; JJ_RANGE: "range(0, 3)" */
	size_t at;          /* JJ_CYCLER: the next one */
};

struct jj_pair {
	struct jj_value key, value;
};

struct jj_dict {
	struct jj_pair *pairs; /* in order of insertion */
	size_t n, cap;
	uint32_t *slots;       /* n + 1 of a pair by hash, once there are many; 0: free */
	size_t n_slots;        /* a power of two */
};

struct jj_loop {
	struct jj_list *items;
	size_t index0;
	uint32_t depth0;
	const struct jj_node *node; /* the loop itself, for loop(...) */
	struct jj_frame *frame;     /* around it */
	bool changed_once;
	struct jj_value last;       /* of loop.changed() */
};

struct jj_macro {
	const struct jj_node *node;
	struct jj_frame *frame;     /* in which it was defined */
	struct jj_loop *loop;       /* likewise */
};

struct jj_joiner {
	struct jj_value separator;
	bool used;
};

/* ---- the tree (jinja_parse.c, jinja_expr.c) */

enum jj_kind {
	/* expressions */
	JJ_CONST,      /* value */
	JJ_NAME,       /* name */
	JJ_MAKE_LIST,  /* a: items */
	JJ_MAKE_TUPLE, /* a: items */
	JJ_MAKE_DICT,  /* a: key, value, key, value ... */
	JJ_UNARY,      /* op, a */
	JJ_BINARY,     /* op, a, b */
	JJ_AND,        /* a, b */
	JJ_OR,         /* a, b */
	JJ_COMPARE,    /* a, then b: a list of JJ_OPERAND */
	JJ_OPERAND,    /* op, a */
	JJ_IF_EXPR,    /* a if b else c (may be NULL) */
	JJ_ATTR,       /* a.name */
	JJ_ITEM,       /* a[b] */
	JJ_SLICE,      /* a[b:c:d], each may be NULL; as b of JJ_ITEM */
	JJ_CALL,       /* a(b: JJ_ARGs) */
	JJ_FILTER,     /* a|name(b: JJ_ARGs); a NULL: what a block holds */
	JJ_TEST,       /* a is name(b: JJ_ARGs) */
	JJ_ARG,        /* a; name: keyword; op: '*' for *args, 'k' for **kwargs */
	/* statements */
	JJ_TEXT,       /* value */
	JJ_PRINT,      /* a */
	JJ_FOR,        /* for a in b if d: c else: e; flag: recursive */
	JJ_IF,         /* if a: b else: c; flag: c is an elif */
	JJ_SET,        /* a = b */
	JJ_SET_BLOCK,  /* a = c through the filters b (may be NULL) */
	JJ_MACRO_DEF,  /* name; a: JJ_PARAMs; b: body; op: bits of enum jj_uses */
	JJ_PARAM,      /* name = a (may be NULL) */
	JJ_CALL_BLOCK, /* a: the call; b: JJ_MACRO_DEF of the caller */
	JJ_FILTER_BLOCK, /* b: body through the filters a */
	JJ_WITH,       /* a: JJ_SETs; b: body */
	JJ_BODY,       /* b: statements that are one (generation) */
	JJ_BREAK,
	JJ_CONTINUE,
};

enum jj_op {
	JJ_ADD = 1, JJ_SUB, JJ_MUL, JJ_DIV, JJ_FLOORDIV, JJ_MOD, JJ_POW, JJ_CONCAT, /* binary */
	JJ_NEG, JJ_POS, JJ_NOT,                                                    /* unary */
	JJ_EQ, JJ_NE, JJ_LT, JJ_LE, JJ_GT, JJ_GE, JJ_IN, JJ_NOT_IN,                /* comparisons */
};

enum jj_uses { JJ_USES_CALLER = 1, JJ_USES_VARARGS = 2, JJ_USES_KWARGS = 4 };

struct jj_node {
	uint8_t kind, op;
	bool flag;
	uint32_t line;
	struct fmt_str name;
	struct jj_value value;
	struct jj_node *a, *b, *c, *d, *e;
	struct jj_node *next; /* in a list of items, arguments, statements */
};

/* Tokens (jinja_lex.c). */
enum jj_token_type {
	JJ_T_END, JJ_T_DATA, JJ_T_VAR_BEGIN, JJ_T_VAR_END, JJ_T_BLOCK_BEGIN, JJ_T_BLOCK_END,
	JJ_T_NAME, JJ_T_STRING, JJ_T_INT, JJ_T_FLOAT, JJ_T_OP,
};

struct jj_token {
	uint8_t type;
	char op[3];          /* JJ_T_OP: as written */
	uint32_t line;
	struct fmt_str text; /* data, name, string's value */
	int64_t i;
	double f;
};

struct jj_tokens {
	struct jj_token *items;
	size_t n, cap;
};

/* The tokens of a template, ended by JJ_T_END; whitespace control is done, comments are gone. */
bool jj_lex(struct jj_mem *m, struct fmt_str text, struct jj_tokens *out);

struct jj_parser {
	struct jj_mem *m;
	const struct jj_token *t; /* the next one */
	unsigned nest, loops;     /* loops: around the place */
	unsigned uses;            /* enum jj_uses: names that were seen */
};

/* The statements of a template; NULL where there are none, or after an error. */
struct jj_node *jj_parse(struct jj_mem *m, const struct jj_token *tokens);

/* Of jinja_expr.c and jinja_token.c, for jinja_parse.c. */
struct jj_node *jj_node(struct jj_parser *p, enum jj_kind kind);
struct jj_node *jj_parse_expr(struct jj_parser *p, bool with_if);
/* An expression, or several with commas as a tuple. end: a name that ends it as a block's end does, or NULL */
struct jj_node *jj_parse_tuple(struct jj_parser *p, bool with_if, const char *end, bool in_brackets);
struct jj_node *jj_parse_target(struct jj_parser *p, bool with_attr);
struct jj_node *jj_parse_filters(struct jj_parser *p, struct jj_node *of, bool at_name);
bool jj_is_op(const struct jj_parser *p, const char *op);
bool jj_is_name(const struct jj_parser *p, const char *name);
bool jj_skip_op(struct jj_parser *p, const char *op);
bool jj_skip_name(struct jj_parser *p, const char *name);
bool jj_expect_op(struct jj_parser *p, const char *op);
struct fmt_str jj_expect_name(struct jj_parser *p);
void *jj_unexpected(struct jj_parser *p, const char *wanted);
bool jj_enter(struct jj_parser *p); /* one level deeper; false where that is too deep */

/* ---- the machine */

/* Variables of one scope. */
struct jj_frame {
	struct jj_frame *parent;
	struct jj_pair *vars;
	size_t n, cap;
};

struct jj {
	struct jj_mem mem;
	struct fmt_err *err;
	uint64_t steps;
	unsigned depth;
	uint32_t line;           /* of the node being walked */
	struct jj_dict *context; /* what the template was given */
	struct jj_frame *frame;
	struct jj_loop *loop;    /* the innermost one */
	struct jj_buf *out;
	uint64_t n_macros;       /* that were made: each keeps its scope */
	struct jj_value hole;    /* the text of a block, for the filters behind it */
	int64_t now;
};

static inline bool jj_ok(const struct jj *j)
{
	return !j->err->code;
}

/* Bytes of a name that a message shows. */
static inline int jj_shown(struct fmt_str s)
{
	return s.n > 100 ? 100 : (int)s.n;
}

/* Records an error with the template's line before it; returns an undefined value. */
struct jj_value jj_fail(struct jj *j, enum fmt_code code, const char *format, ...) FMT_PRINTF(3, 4);
bool jj_spend(struct jj *j, uint64_t steps); /* false where there are none left, or after an error */
void jj_put(struct jj *j, struct jj_buf *b, struct fmt_str s);
struct fmt_str jj_buf_take(struct jj *j, struct jj_buf *b); /* as a string of the machine's; *b is empty then */

struct jj_args;

/* jinja_exec.c */
enum jj_flow { JJ_GO_ON, JJ_DO_BREAK, JJ_DO_CONTINUE };
enum jj_flow jj_exec(struct jj *j, const struct jj_node *statements);
struct jj_value jj_call_macro(struct jj *j, const struct jj_macro *macro, const struct jj_args *args);
/* items: what to go through; around: the scope of the loop. The text that it makes is the result. */
struct jj_value jj_run_loop(struct jj *j, const struct jj_node *n, struct jj_value items, uint32_t depth0,
                            struct jj_frame *around);
void jj_set(struct jj *j, struct fmt_str name, struct jj_value v);

/* jinja_eval.c */
struct jj_value jj_eval(struct jj *j, const struct jj_node *n);

/* Arguments of a call: positional ones, then named ones. */
struct jj_args {
	struct jj_value *pos;
	size_t n_pos, cap_pos;
	struct jj_pair *named;
	size_t n_named, cap_named;
};
bool jj_eval_args(struct jj *j, const struct jj_node *list, struct jj_args *out);
struct jj_value jj_call(struct jj *j, struct jj_value f, const struct jj_args *args);

/* Binds arguments to at most 8 parameters: "width, first=, blank=" (with = they need not be there; undefined then).
 * false with an error where there are others, too many or too few */
bool jj_bind(struct jj *j, const char *what, const struct jj_args *args, const char *params, struct jj_value *out);

/* jinja_value.c, jinja_dict.c */
struct jj_value jj_undefined(enum jj_missing of, struct fmt_str name);
struct jj_value jj_none(void);
struct jj_value jj_bool(bool b);
struct jj_value jj_int(int64_t i);
struct jj_value jj_float(double f);
struct jj_value jj_str(struct fmt_str s);
struct jj_value jj_cstr(const char *s); /* which stays where it is */
struct jj_value jj_list(struct jj *j, enum jj_type type); /* an empty one */
struct jj_value jj_dict(struct jj *j);
void jj_push(struct jj *j, struct jj_value list, struct jj_value v);
void jj_push_str(struct jj *j, struct jj_value list, struct fmt_str s);
void jj_dict_set(struct jj *j, struct jj_dict *d, struct jj_value key, struct jj_value v);
struct jj_value *jj_dict_get(struct jj *j, const struct jj_dict *d, struct jj_value key); /* NULL: not there */
struct jj_value *jj_dict_find(struct jj *j, const struct jj_dict *d, const char *key);
bool jj_hashable(struct jj_value v);
bool jj_truth(struct jj_value v);
bool jj_is_int(struct jj_value v);    /* int or bool, whose number is jj_as_int */
int64_t jj_as_int(struct jj_value v);
bool jj_is_number(struct jj_value v); /* those and float */
double jj_as_float(struct jj_value v);
bool jj_is_seq(struct jj_value v);    /* JJ_LIST to JJ_RANGE */
bool jj_equal(struct jj *j, struct jj_value a, struct jj_value b);
int jj_order(struct jj *j, struct jj_value a, struct jj_value b, const char *op); /* < 0, 0, > 0; 2: NaN */
/* The items that a loop over v goes through: of a string its characters, of a dict its keys. NULL with an error. */
struct jj_list *jj_items(struct jj *j, struct jj_value v);
bool jj_length(struct jj *j, struct jj_value v, size_t *n); /* false, without an error, where it has none */
const char *jj_type_name(struct jj_value v); /* as Python calls it */
struct jj_value jj_fail_undefined(struct jj *j, struct jj_value v); /* "'x' is undefined" */

/* jinja_show.c */
struct fmt_str jj_to_str(struct jj *j, struct jj_value v);
void jj_show(struct jj *j, struct jj_buf *b, struct jj_value v, bool quoted, unsigned depth); /* str(), repr() */
size_t jj_show_float(double f, char *out); /* as Python's repr; out: 32 bytes */

/* jinja_op.c */
struct jj_value jj_binary(struct jj *j, enum jj_op op, struct jj_value a, struct jj_value b);
struct jj_value jj_unary(struct jj *j, enum jj_op op, struct jj_value a);
bool jj_compare(struct jj *j, enum jj_op op, struct jj_value a, struct jj_value b);
bool jj_contains(struct jj *j, struct jj_value in, struct jj_value what);

/* jinja_attr.c */
struct jj_value jj_attr(struct jj *j, struct jj_value of, struct fmt_str name);
struct jj_value jj_item(struct jj *j, struct jj_value of, struct jj_value key);
struct jj_value jj_slice(struct jj *j, struct jj_value of, const struct jj_value at[3]); /* none: not given */
struct jj_value jj_path(struct jj *j, struct jj_value of, struct jj_value path); /* "a.b.0", as filters name them */

/* jinja_str.c, jinja_kind.c, jinja_list.c: methods of strings, lists and dicts */
struct jj_method {
	struct jj_value self;
	struct fmt_str name;
	struct jj_value (*call)(struct jj *j, struct jj_value self, const struct jj_args *args);
};
typedef struct jj_value (*jj_method_fn)(struct jj *j, struct jj_value self, const struct jj_args *args);
struct jj_method_row {
	const char *name;
	jj_method_fn call;
};
jj_method_fn jj_find_method(const struct jj_method_row *rows, size_t n, struct fmt_str name); /* NULL: not there */
jj_method_fn jj_str_method(struct fmt_str name);
jj_method_fn jj_kind_method(struct fmt_str name);
jj_method_fn jj_list_method(struct fmt_str name);
jj_method_fn jj_dict_method(struct fmt_str name);

/* jinja_text.c: characters */
bool jj_is_space(uint32_t code);
size_t jj_n_chars(struct fmt_str s);
size_t jj_at_char(struct fmt_str s, size_t n); /* byte offset of character n */
struct fmt_str jj_strip(struct fmt_str s, const struct fmt_str *set, bool left, bool right); /* set NULL: white space */
#define JJ_NOWHERE SIZE_MAX
size_t jj_find(struct jj *j, struct fmt_str in, struct fmt_str what, size_t from);
size_t jj_rfind(struct jj *j, struct fmt_str in, struct fmt_str what);
enum jj_case { JJ_LOWER, JJ_UPPER, JJ_CAPITALIZE, JJ_TITLE, JJ_SWAP };
struct fmt_str jj_recase(struct jj *j, struct fmt_str s, enum jj_case to);
struct fmt_str jj_replace(struct jj *j, struct fmt_str s, struct fmt_str old, struct fmt_str new, int64_t count);
struct fmt_str jj_escape(struct jj *j, struct fmt_str s); /* & < > ' " for HTML */

/* jinja_format.c */
struct jj_value jj_format_percent(struct jj *j, struct fmt_str format, struct jj_value args);
struct jj_value jj_format_braces(struct jj *j, struct fmt_str format, const struct jj_args *args);

/* jinja_filters.c, jinja_seq.c, jinja_tests.c: NULL where there is none of that name. */
typedef struct jj_value (*jj_filter_fn)(struct jj *j, struct jj_value v, const struct jj_args *args);
jj_filter_fn jj_filter(struct fmt_str name);
jj_filter_fn jj_seq_filter(struct fmt_str name);
typedef bool (*jj_test_fn)(struct jj *j, struct jj_value v, const struct jj_value *arg);
struct jj_test {
	const char *name;
	uint8_t n_args;
	jj_test_fn test;
};
const struct jj_test *jj_test(struct fmt_str name);
bool jj_run_test(struct jj *j, struct fmt_str name, struct jj_value v, const struct jj_args *args);

/* jinja_globals.c */
struct jj_function {
	const char *name;
	struct jj_value (*call)(struct jj *j, const struct jj_args *args);
};
const struct jj_function *jj_global(struct fmt_str name);

/* jinja_json.c */
struct json;
struct jj_value jj_from_json(struct jj *j, const struct json *v);
struct jj_value jj_filter_tojson(struct jj *j, struct jj_value v, const struct jj_args *args);

/* jinja_time.c */
struct jj_value jj_strftime(struct jj *j, struct fmt_str format, int64_t seconds);

#endif
