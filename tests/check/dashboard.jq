# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What is wrong with a Grafana dashboard, one line each. $known: the metrics that
# there are, {NAME: [LABEL, ...]}. See dashboard.sh.

# Labels that Prometheus adds, and variables that Grafana has.
def added: ["instance", "job"];
def builtin: ["__rate_interval", "__interval", "__range", "__all"];

def groups: "\\b(?:by|without|on|ignoring|group_left|group_right)\\s*\\(";

# Without what is between quotes, where anything may stand.
def plain: gsub("\"[^\"]*\""; "\"\"");

# Without selectors, ranges and variables.
def bare: plain | gsub("\\{[^}]*\\}"; "") | gsub("\\[[^\\]]*\\]"; "")
	| gsub("\\$\\{?[a-zA-Z_]+\\}?"; "");

def metrics: bare | gsub(groups + "[^)]*\\)"; "")
	| gsub("[a-zA-Z_][a-zA-Z0-9_]*\\s*\\("; "(")
	| gsub("\\b[0-9][a-zA-Z0-9.]*"; "")
	| [scan("[a-zA-Z_:][a-zA-Z0-9_:]*")]
	- ["and", "or", "unless", "bool", "offset"] | unique;

# [METRIC, LABEL] of all selectors.
def selected: [plain | scan("([a-zA-Z_:][a-zA-Z0-9_:]*)\\{([^}]*)\\}")
	| .[0] as $metric | .[1]
	| scan("([a-zA-Z_][a-zA-Z0-9_]*)\\s*(?:=~|!~|!=|=)")
	| [$metric, .[0]]];

# Labels that results are grouped by.
def grouped: [bare | scan(groups + "([^)]*)\\)") | .[0]
	| scan("[a-zA-Z_][a-zA-Z0-9_]*")];

# Of {where, expr, labels}: labels that its results must have besides.
def wrong_expr:
	. as $it | .expr | metrics as $metrics
	| (([$metrics[] | $known[.] // []] | add // []) + added) as $there
	| ($metrics[] | select($known[.] | not)
		| "no such metric: \(.)"),
	  (if $metrics == [] then "no metric" else empty end),
	  (selected[] | .[0] as $metric | .[1]
		| select(IN((($known[$metric] // []) + added)[]) | not)
		| "\($metric) has no label \(.)"),
	  ((grouped + $it.labels)[] | select(IN($there[]) | not)
		| "no metric here has a label \(.)")
	| "\($it.where): \(.): \($it.expr)";

def wrong_target($panel):
	{where: "panel \($panel.id), \($panel.title), \(.refId)", expr: .expr,
	 labels: [.legendFormat // "" | scan("\\{\\{\\s*([^} ]*)\\s*\\}\\}")
		| .[0]]} | wrong_expr;

# label_values(SELECTOR, LABEL)
def wrong_variable:
	{where: "variable \(.name)"} + (.query.query
		| capture("^label_values\\((?<expr>.*), (?<word>[a-z_]+)\\)$")
			// {expr: ., word: ""})
	| .labels = [.word] | wrong_expr;

def panels: .panels[] | ., (.panels // [])[];

def wrong_panel:
	select(.type != "row")
	| . as $panel
	| (if (.targets // []) == [] then "panel \(.id): nothing to show"
	   else empty end),
	  (if .gridPos.x + .gridPos.w > 24 then "panel \(.id): too far right"
	   else empty end),
	  (.targets // [] | group_by(.refId)[] | select(length > 1)
		| "panel \($panel.id): \(.[0].refId) twice"),
	  ((.targets // [])[] | wrong_target($panel));

# What Grafana 9 cannot read.
(if (.schemaVersion // 0) < 36 then "schemaVersion below 36" else empty end),
(select(.title == null or .uid == null) | "no title or no uid"),
([panels.id] | group_by(.)[] | select(length > 1 or (.[0] | type) != "number")
	| "panel id \(.[0]): \(length) times"),
(panels | wrong_panel),
(.templating.list[] | select(.type == "query") | wrong_variable),
(([.templating.list[].name] + builtin) as $names
	| ([.panels, .templating | .. | strings
		| scan("\\$\\{?([a-zA-Z_]+)") | .[0]]
	   + [panels | .repeat // empty] | unique[])
	| select(IN($names[]) | not)
	| "no such variable: \(.)")
