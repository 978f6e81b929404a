/* The grammar of JSON, checked strictly before anything is built from the text, and the text rewritten so that a parser
 * which ends strings at NUL and turns every number into a double loses nothing.
 *
 * The rewriting relies on two bytes that never occur in UTF-8:
 *   JSON_NUL    stands for the escape \u0000 inside a string
 *   JSON_EXACT  begins a string that is no string but the digits of a number: an integer of more digits than a double
 *               holds, or any number with a fraction or an exponent, written without a decimal point ("1.5" becomes
 *               15e-1), because strtod looks for the locale's. Infinity and NaN, which Python writes, are let in here.
 * A container that is left out of the tree is rewritten as an empty one. */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include <libfmt/json.h>

#define JSON_NUL   ((char)0xff)
#define JSON_EXACT ((char)0xfe)

struct json_scan {
	size_t n_out;    /* bytes of the rewritten text */
	bool rewritten;  /* false: the rewritten text would equal the original */
};

/* Checks n bytes of text against the grammar and the ceilings, and writes the rewritten text to `out`.
 * out     NULL (to learn n_out), or room for the n_out bytes that an earlier call gave
 * leave   what is left out of the rewritten text; the first call fills it in, a second skips what the first has found
 * returns false with *err set (the offset is into the text) if it is not JSON */
bool json_scan(const char *text, size_t n, char *out, struct json_leave *leave, size_t n_leave, struct json_scan *result,
               struct fmt_err *err);

#endif
