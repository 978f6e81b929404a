/* The built-in text. Shakespeare's sonnet 73 (1609) is quoted; the rest was written for this project. */
#include <libinfer/sample_text.h>

static const char text[] =
	"The lighthouse stood at the end of a long, narrow spit of land, and on most evenings in autumn the fog came in before "
	"the keeper had finished his supper. He would put down his spoon, listen for the bell on the outer buoy, and climb the "
	"hundred and twelve steps to the lamp. It had been electric for thirty years, and it no longer needed him; but the ships "
	"did not know that, and he liked to think that somebody out there was glad of a man who was awake.\n\n"
	"That time of year thou mayst in me behold\n"
	"When yellow leaves, or none, or few, do hang\n"
	"Upon those boughs which shake against the cold,\n"
	"Bare ruin'd choirs, where late the sweet birds sang.\n\n"
	"\"You have read the report,\" said Anna. It was not a question.\n"
	"\"Twice,\" he answered. \"I still don't see why the second pump failed. The pressure was normal, wasn't it?\"\n"
	"\"Normal until a quarter past four. Then somebody closed the wrong valve.\" She turned the page towards him. \"Look at the "
	"handwriting, and tell me whose it is.\"\n\n"
	"Water boils at 100 degrees Celsius at sea level, and at about 93 degrees on a mountain 2,000 metres high, because the air "
	"there presses less on its surface. An egg therefore takes longer to cook. The effect was used in the nineteenth century "
	"to measure the height of mountains with nothing but a kettle and a good thermometer.\n\n"
	"How to plant a tree:\n"
	"1. Dig a hole twice as wide as the roots, and no deeper.\n"
	"2. Set the tree upright, and fill the hole with the same soil.\n"
	"3. Water it well, once a week, for the first two summers.\n\n"
	"def mean(values):\n"
	"    \"\"\"Returns the mean of a list, or None if it is empty.\"\"\"\n"
	"    if not values:\n"
	"        return None\n"
	"    return sum(values) / len(values)\n\n"
	"for (int i = 0; i < n; i++) {\n"
	"\tif (x[i] > max)\n"
	"\t\tmax = x[i];\n"
	"}\n\n"
	"{\"name\": \"Oslo\", \"population\": 717710, \"coordinates\": [59.91, 10.75], \"capital\": true}\n\n"
	"year,rainfall,days\n"
	"2019,812.4,171\n"
	"2020,903.0,188\n"
	"2021,765.9,160\n\n"
	"Dear Mr. Okafor,\n"
	"Thank you for your letter of 3 March. We have looked into the matter and found that you are right: the parcel was sent to "
	"your old address. A new one left our warehouse this morning and should reach you by Friday. Please accept our apologies.\n\n"
	"Am n\xc3\xa4" "chsten Morgen war der Schnee geschmolzen, und auf dem Weg zum Bahnhof standen gro\xc3\x9f" "e Pf\xc3\xbctzen, in "
	"denen sich der Himmel spiegelte.\n"
	"Le train de huit heures \xc3\xa9tait d\xc3\xa9j\xc3\xa0 parti; il fallut attendre le suivant en buvant un caf\xc3\xa9.\n"
	"La ni\xc3\xb1" "a pregunt\xc3\xb3 por qu\xc3\xa9 el mar es azul, y su abuelo se qued\xc3\xb3 pensando un buen rato.\n"
	"\xe6\x98\xa5\xe5\xa4\xa9\xe6\x9d\xa5\xe4\xba\x86\xef\xbc\x8c\xe6\xb2\xb3\xe8\xbe\xb9\xe7\x9a\x84\xe6\x9f\xb3\xe6\xa0\x91\xe5"
	"\x8f\x88\xe7\xbb\xbf\xe4\xba\x86\xe3\x80\x82\n\n"
	"The committee will meet again in September. Until then nothing is decided, although it is generally believed that the "
	"bridge will be built, that it will cost more than anybody has admitted so far, and that it will be late.\n";

struct fmt_str infer_sample_text(void)
{
	return (struct fmt_str){ text, sizeof text - 1 };
}
