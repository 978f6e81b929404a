/* Methods of strings that ask of what kind their characters are: isdigit and its like. */
#include "../unicode.h"
#include "jinja.h"

/* True if the string has characters and all are of the set. */
static struct jj_value all_of(struct jj *j, struct jj_value self, uint32_t set)
{
	size_t n;

	if (!jj_spend(j, self.as.s.n / 16))
		return jj_none();
	for (size_t at = 0; at < self.as.s.n; at += n)
		if (!uni_is(uni_get(self.as.s.p + at, &n), set))
			return jj_bool(false);
	return jj_bool(self.as.s.n);
}

static struct jj_value m_isdecimal(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return all_of(j, self, 1u << UNI_ND);
}

/* Decimal digits, and those that stand high, low or in circles (Numeric_Type=Digit). */
static struct jj_value m_isdigit(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	static const struct uni_range other[] = {
		{ 0xb2, 0xb3 },       { 0xb9, 0xb9 },       { 0x1369, 0x1371 },
		{ 0x19da, 0x19da },   { 0x2070, 0x2070 },   { 0x2074, 0x2079 },
		{ 0x2080, 0x2089 },   { 0x2460, 0x2468 },   { 0x2474, 0x247c },
		{ 0x2488, 0x2490 },   { 0x24ea, 0x24ea },   { 0x24f5, 0x24fd },
		{ 0x24ff, 0x24ff },   { 0x2776, 0x277e },   { 0x2780, 0x2788 },
		{ 0x278a, 0x2792 },   { 0x10a40, 0x10a43 }, { 0x10e60, 0x10e68 },
		{ 0x11052, 0x1105a }, { 0x1f100, 0x1f10a }, { UINT32_MAX, UINT32_MAX },
	};
	size_t n;

	(void)args;
	if (!jj_spend(j, self.as.s.n / 4))
		return jj_none();
	for (size_t at = 0; at < self.as.s.n; at += n) {
		uint32_t code = uni_get(self.as.s.p + at, &n);

		if (!uni_is(code, 1u << UNI_ND) && !uni_in(code, other))
			return jj_bool(false);
	}
	return jj_bool(self.as.s.n);
}

static struct jj_value m_isnumeric(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return all_of(j, self, UNI_SET_N);
}

static struct jj_value m_isalpha(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return all_of(j, self, UNI_SET_L);
}

static struct jj_value m_isalnum(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return all_of(j, self, UNI_SET_L | UNI_SET_N);
}

static struct jj_value m_isspace(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return jj_bool(jj_spend(j, self.as.s.n / 16) && self.as.s.n && !jj_strip(self.as.s, NULL, true, false).n);
}

static struct jj_value m_isascii(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return jj_bool(jj_spend(j, self.as.s.n / 16) && jj_n_chars(self.as.s) == self.as.s.n);
}

/* Letters are all of one case, and there is one. */
static struct jj_value is_case(struct jj *j, struct jj_value self, enum uni_cat wanted)
{
	bool any = false;
	size_t n;

	if (!jj_spend(j, self.as.s.n / 16))
		return jj_none();
	for (size_t at = 0; at < self.as.s.n; at += n) {
		enum uni_cat c = uni_category(uni_get(self.as.s.p + at, &n));

		if ((c == UNI_LU || c == UNI_LL || c == UNI_LT) && c != wanted)
			return jj_bool(false);
		any |= c == wanted;
	}
	return jj_bool(any);
}

static struct jj_value m_islower(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return is_case(j, self, UNI_LL);
}

static struct jj_value m_isupper(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return is_case(j, self, UNI_LU);
}

static const struct jj_method_row methods[] = {
	{ "isdigit", m_isdigit }, { "isdecimal", m_isdecimal }, { "isnumeric", m_isnumeric },
	{ "isalpha", m_isalpha }, { "isalnum", m_isalnum }, { "isspace", m_isspace }, { "isascii", m_isascii },
	{ "islower", m_islower }, { "isupper", m_isupper },
};

jj_method_fn jj_kind_method(struct fmt_str name)
{
	return jj_find_method(methods, sizeof methods / sizeof *methods, name);
}
