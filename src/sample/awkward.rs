//! Titles and descriptions as people really write them: markup, other scripts, things that once broke a tracker.

/// Title and description.
pub(super) type Awkward = (&'static str, &'static str);

/// One ticket in twenty is one of these.
pub(super) const AWKWARD: [Awkward; 40] = [
    (
        "<script>alert(\"1\")</script> in a product name",
        "The shop shows it as text, the e-mail does not.\n\n<script>alert('x')</script>",
    ),
    ("Título con <b>negritas</b> & \"comillas\" y 'apóstrofos'", "<img src=x onerror=alert(1)> no debería hacer nada."),
    (
        "&amp;amp; &lt;b&gt; appear in the subject line",
        "Escaped twice: `&amp;amp;`. Once would be `&amp;`, right is `&`.",
    ),
    (
        "Robert'); DROP TABLE tickets;--",
        "A classic. It must be *stored*, not obeyed: `'; DELETE FROM users WHERE '1'='1`",
    ),
    ("🔥🔥🔥 EVERYTHING IS DOWN 🔥🔥🔥", "It was one page.\n\n🧯"),
    ("👩‍👩‍👧‍👦 family emoji is shown as four people", "Joined by U+200D: 👩‍👩‍👧‍👦, with skin tone: 👩🏽‍🚀, a flag: 🏴‍☠️ 🇪🇸"),
    ("واجهة الخريطة لا تعمل بدون اتصال", "عند فتح التطبيق بدون إنترنت، تظهر شاشة بيضاء. (version 2.4.1)"),
    ("החיפוש לא מוצא \"תל אביב\" עם גרשיים", "עם גרש אחד זה עובד: תל אביב."),
    ("Mixed direction: error in קובץ.txt at line 12", "The file is called קובץ.txt and the line is `12`."),
    ("RTL override in a file name: \u{202e}gpj.exe", "Displayed as if it ended in .jpg. The character is U+202E."),
    ("搜索结果中缺少带有全角空格的商品", "输入「亚麻　灯罩」没有结果，输入「亚麻 灯罩」就有。"),
    ("チェックアウト画面で郵便番号が入力できない", "全角数字（１２３）だとエラーになります。半角なら問題ありません。"),
    ("Русские буквы в адресе доставки превращаются в ????", "Пример: «ул. Ленина, д. 5» → `??. ??????, ?. 5`"),
    (
        "Z\u{0351}\u{036b}a\u{0316}\u{033b}l\u{0321}\u{035b}g\u{0338}\u{0315}o\u{0337}\u{0489} text pushes the next row away",
        "Combining marks: e\u{0301} is not é until someone normalises it. ñ / n\u{0303}.",
    ),
    (
        "Pneumonoultramicroscopicsilicovolcanoconiosisandthensomemorelettersuntilthecolumnistoonarrowforit",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ),
    (
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft passt nicht auf das Etikett",
        "Die Adresse der Gesellschaft hat 79 Buchstaben am Stück.",
    ),
    (
        "https://example.org/a/very/long/path/that/nobody/will/ever/type?utm_source=newsletter&utm_medium=email&utm_campaign=spring_2026&ref=0123456789abcdef#section-4.2",
        "The link is the title. People do that.",
    ),
    ("`rm -rf \"$TMP/\"*` runs with TMP unset", "```sh\nset -eu   # would have helped\nrm -rf \"$TMP/\"*\n```"),
    ("Tabs\tand  several   spaces in a title", "col1\tcol2\tcol3\n1\t2\t3\n\n    indented by four\n\ttabbed"),
    ("Windows line ends in the description", "first line\r\nsecond line\r\n\r\nafter an empty one\r\n"),
    (
        "Zero\u{200b}width\u{200b}spaces\u{200b}in\u{200b}the\u{200b}SKU",
        "`AB\u{200b}12` is not `AB12`, though it looks like it. A BOM too: \u{feff}here.",
    ),
    ("null", "undefined\nNaN\ntrue\n[object Object]"),
    ("0", "A title that is false in some languages."),
    ("{{ user.name }} is not replaced in the welcome mail", "Also ${name}, %s, %(name)s and <%= name %>."),
    (
        "../../../../etc/passwd as an attachment name",
        "C:\\temp\\new\\table.txt as well: \\t and \\n are *not* a tab and a line end here.",
    ),
    (
        "Ñandú, pingüino, cigüeña: la búsqueda no los encuentra",
        "Buscar «pinguino» debería encontrar «pingüino»; «ano» no debería encontrar «año».",
    ),
    ("¿¡Por qué se imprime al revés!?", "¡¿Alguien lo ha visto antes?! «Comillas “dentro” de comillas»."),
    ("1.000,50 € se lee como un euro", "En España: 1.000,50 €. En la API: `1000.50`. En México: $1,000.50."),
    ("Año 2038: -1 s antes de 1970", "`2038-01-19T03:14:07Z` + 1 s. Y 29/02/2028 sí existe."),
    (
        "# Not a heading\\n- not a list",
        "# A heading\n\n- a list\n  - in a list\n    1. and numbers\n\n---\n\n***bold and italic***",
    ),
    (
        "Re: RE: Fwd: AW: problem (was: no subject)",
        "-----Original Message-----\nFrom: someone <someone@example.com>\n> > > yes\n> > no\n> maybe",
    ),
    (
        "The quick brown fox jumps over the lazy dog while the very patient tester counts every single character of this title to find out whether two hundred of them really fit into a column on the board",
        "Exactly at the limit, or close to it.",
    ),
    (
        "El veloz murciélago hindú comía feliz cardillo y kiwi mientras la cigüeña tocaba el saxofón detrás del palenque de paja y el probador contaba, una a una, las doscientas letras que caben en este título",
        "Justo en el límite.",
    ),
    ("𝕿𝖍𝖎𝖘 𝖎𝖘 𝖓𝖔𝖙 𝖆 𝖋𝖔𝖓𝖙", "Letters outside of the basic plane: 𝒳 𝔘 𝟘, and ﷽ is a single character."),
    ("🇪🇸🇫🇷🇬🇧🏴󠁧󠁢󠁷󠁬󠁳󠁿 flags in the country list", "Some systems show letters instead: ES FR GB."),
    ("\"quotes\" “curly” «angled» ‘single’ `back` ´acute´", "All of them in one file name, please: \"a“b«c‘d`e´.txt"),
    (
        "Non\u{a0}breaking\u{a0}spaces\u{a0}break\u{a0}the\u{a0}CSV\u{a0}import",
        "1\u{a0}234,56 and 1\u{202f}234,56 come from spreadsheets.",
    ),
    (
        "=cmd|' /C calc'!A0",
        "+1+1\n@SUM(1+1)\n=HYPERLINK(\"https://example.org\")\n\nA spreadsheet would *run* an export of this.",
    ),
    ("สินค้าหมดแต่ยังสั่งซื้อได้", "हिन्दी में भी: क्षमा करें, यह उत्पाद उपलब्ध नहीं है।"),
    (
        "Ölçü birimi İ/ı: ISTANBUL ≠ istanbul ≠ İstanbul",
        "Lower case of İ is two code points in most languages and one in Turkish; ß becomes SS; ﬁ is a ligature.",
    ),
];
