# What the documents and the examples in conf/ say is true: every block of shell
# in README.md and docs/*.md runs and every block of JSON is what it claims,
# nginx.conf of README.md, conf/ and its snippets pass nginx -t, every route
# stands in docs/api.md, the tables of docs/composition.md have what the parser
# has, and the documents render.
#
# A comment before a block says what else is to be known of it:
#   <!-- not run: why -->             shell that cannot be run here
#   <!-- schema: event.schema.json --> JSON that is held against this schema
# JSON without one is a composition.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Render::Test;
use Render::Test::Files;

my $top = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{RENDER_BUILD} // "$top/build";
my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;

my $readme = slurp("$top/README.md");

# nginx configurations

mkdir "$dir/store" or die $!;
spew("$dir/$_.key", '0123456789abcdef' x 4) for qw(jwt link);

sub nginx_t {
    my ($what, $http, $head) = @_;

    $http =~ s{/etc/render/}{$dir/}g;
    $http =~ s{/usr/share/nginx-render/conf/}{$top/conf/}g;
    $http =~ s{/var/log/nginx/}{$dir/}g;
    $http =~ s{/usr/share/nginx-render/html}{$top/conf/html}g;
    $http =~ s{/var/lib/render}{$dir/store}g;
    $http =~ s{listen 80;}{listen 127.0.0.1:1;};
    $http =~ s{http://reports}{http://127.0.0.1:1}g;
    spew("$dir/nginx.conf", "load_module $build/ngx_http_render_module.so;\n"
         . "pid $dir/nginx.pid;\nerror_log stderr;\nevents {}\n$http");

    # loading a module that was built with a sanitizer needs its library first
    my $asan = `ldd $build/ngx_http_render_module.so` =~ m{(/\S*libasan\S*)}
               ? "LD_PRELOAD=$1 ASAN_OPTIONS=detect_leaks=0 " : '';
    my $said = `${asan}nginx -t -c $dir/nginx.conf -e stderr 2>&1`;
    is $?, 0, "$what passes nginx -t" or diag $said;
}

my ($example) = $readme =~ /```nginx\n(.*?)```/s;
$example =~ s/^load_module.*\n//m;
nginx_t('the example of README.md', $example);
nginx_t('conf/snippets/render-docs.conf', "http { server { listen 127.0.0.1:1; set \$render_html $top/conf/html; "
        . "set \$render_docs $top/docs; include $top/conf/snippets/render-docs.conf; } }\n");
nginx_t('conf/nginx-render.conf', "http {\n" . slurp("$top/conf/nginx-render.conf") . "}\n");

# routes

my $api = slurp("$top/docs/api.md");
my @routes = map { slurp($_) =~ /\bPATH\("([^"]+)"\)/g } glob "$top/ngx_module/*.c";
cmp_ok scalar @routes, '>', 15, 'routes are found';

for my $route (@routes) {
    my $path = $route =~ s{/\{name\}}{/final}r =~ s{\{link\.\.\.\}}{…}r;
    like $api, qr/\Q$path\E/, "docs/api.md names $route";
}

# defaults that the table of docs/composition.md claims

my $doc = slurp("$top/docs/composition.md");
my ($film) = $doc =~ /```json\n(.*?)```/s;

my $clip = make_media('docs.mp4', '-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=30:d=4', '-f', 'lavfi', '-i', 'sine=d=4',
                      qw(-c:v libx264 -c:a aac));
my $wav = make_media('docs.wav', '-f', 'lavfi', '-i', 'sine=d=3');
my $png = make_media('docs.png', '-f', 'lavfi', '-i', 'testsrc2=s=320x180', '-frames:v', '1');
symlink $clip, "$dir/clip.mp4";
symlink $wav, "$dir/music.wav";
symlink $png, "$dir/still.png";
spew("$dir/captions.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n");
spew("$dir/table.cube", join "\n", 'LUT_3D_SIZE 2', map { my $i = $_; join ' ', map { 0.5 * (1 - ($i >> $_ & 1)) } 0 .. 2 } 0 .. 7);
spew("$dir/film.json", $film);
is system("$build/render compose $dir/film.json -o $dir/film.mp4 2>$dir/log"), 0, 'and renders' or diag slurp("$dir/log");

my %default = (
    'no size' => '{"version":1,"timeline":{"tracks":[{"clips":[{"asset":{"type":"color","color":"#fff"}}]}]}}',
);
spew("$dir/default.json", $default{'no size'});
my $plan = decode_json(join q(), `$build/render plan $dir/default.json`);
is_deeply $plan->{canvas}, [1280, 720, 30, 1], 'canvas by default';
is $plan->{frames}, 150, 'a colour lasts 5 s by default';
is $plan->{output}, 'final', 'the output is called final';

# What `render plan` makes of a clip on a canvas of 320 x 180: the specifications' digests, or what it refuses, a line each.
my %seen;

sub planned {
    my ($clip, @more) = @_;
    my $line = join ',', $clip, @more;
    my $more = $clip =~ /"type":"audio"/ ? ',"kind":"audio"' : '';
    return $seen{"$line$more"} //= plan_of("{\"timeline\":{\"width\":320,\"height\":180,\"tracks\":[{\"clips\":[$line]$more}]}}");
}

sub plan_of {
    spew("$dir/clip.json", $_[0]);
    my $said = `$build/render plan --cache $dir/facts $dir/clip.json 2>&1`;
    return $said =~ s{^\Q$dir\E/clip\.json: }{}gmr if $? != 0;
    my $plan = decode_json($said);
    return join ' ', map { $_->{key} } @{ $plan->{segments} }, @{ $plan->{sound} };
}

my %clip_of = (
    video => '{"asset":{"type":"video","src":"clip.mp4"}',
    image => '{"asset":{"type":"image","src":"still.png"}',
    audio => '{"asset":{"type":"audio","src":"music.wav"}',
    color => '{"asset":{"type":"color","color":"#fff"}',
    text  => '{"asset":{"type":"text","text":"T"}',
    shape => '{"asset":{"type":"shape","shape":"star"}',
    caption => '{"asset":{"type":"caption","words":[{"text":"T","start":0,"end":2}]}',
    svg   => q({"asset":{"type":"svg","svg":"<svg xmlns='http://www.w3.org/2000/svg' width='320' height='180'/>"}),
    waveform => '{"asset":{"type":"waveform","src":"music.wav"}',
);

sub clip { my ($type, @fields) = @_; return join(',', $clip_of{$type}, @fields) . '}' }

# of a crop what reaches beyond the source is left out: here a picture of 320 x 180
my $half = planned(clip('image', '"crop":{"x":"50%","width":"50%"}'));
is planned(clip('image', "\"crop\":$_")), $half, "a crop of $_ is the right half"
    for '{"x":"50%"}', '{"x":160}', '{"x":160,"width":"80%"}', '{"x":"50%","width":999,"height":180}';
is planned(clip('image', "\"keyframes\":{\"crop\":[{\"time\":0,\"value\":{\"y\":45$_}}]}")), planned(clip('image',
    '"keyframes":{"crop":[{"time":0,"value":{"y":"25%","height":"75%"}}]}')), "and one that moves ends there, too: $_"
    for '', ',"height":"100%"';
like planned(clip('image', $_)), qr{^/timeline/tracks/0/clips/0/(?:keyframes/)?crop: lies outside of the source, which is 320 x 180 px$},
    "$_ is refused" for '"crop":{"x":"100%"}', '"crop":{"y":180}', '"keyframes":{"crop":[{"time":0,"value":{}},{"time":1,"value":{"x":320}}]}';

# the tables of docs/composition.md: what they name is taken up to its bounds and not a step further, what they call the default is it,
# and there is nothing else

my $AT = '/timeline/tracks/0/clips/0';
my $schema = decode_json(slurp("$top/docs/composition.schema.json"))->{'$defs'};
my @rows = map { [map { s/^\s+|\s+$//gr } split /\|/, s/^\||\|\s*$//gr, -1] } $doc =~ /^(\|.*)$/mg;

sub table {                      # the rows under a head that begins with these words
    my ($head) = @_;
    my ($first) = grep { $rows[$_][0] eq $head } 0 .. $#rows;
    my @found;
    for (@rows[$first + 2 .. $#rows]) {
        last if $rows[$first]->@* != @$_ || $_->[1] =~ /^(?:meaning|value|parameter|---)$/;
        push @found, $_;
    }
    return @found;
}

sub words { return $_[0] =~ /`([^`]+)`/g }

sub section { my ($name) = @_; my ($text) = $doc =~ /^## \Q$name\E\n(.*?)(?=^## |\z)/ms; return $text }

# every word that the parser takes in the place of a value that is none, as its refusal lists them
sub parser_words { return planned(@_) =~ /must be one of (.*)/ ? sort $1 =~ /"([^"]+)"/g : () }

sub is_bound {
    my ($name, $lo, $hi, $make) = @_;
    unlike planned($make->($_)), qr/must/, "$name may be $_" for $lo, $hi;
    like planned($make->($_)), qr/must/, "$name may not be $_" for $lo - 0.001, $hi + 0.001;
}

my %fields = map { my $row = $_; map { $_ => $row } words($row->[0]) } table('field');
my @types = map { /^\w+$/ ? $_ : () } words($fields{'asset.type'}[1]);
is_deeply [sort @types], [sort keys %clip_of], 'the types of assets';
is_deeply [sort @types], [parser_words('{"asset":{"type":"?"}}')], 'are those of the parser';

# fields of a clip: those that move or have bounds, and whose they are
my %number = (speed => 'video', rotate => 'image', scale => 'image', radius => 'image', opacity => 'image');
for my $name (sort keys %number) {
    my (undef, $meaning, $default) = @{ $fields{"clip.$name"} };
    my ($lo, $hi) = $meaning =~ /(-?[\d.]+) to (-?[\d.]+)/;
    my $make = sub { return clip($number{$name}, "\"$name\":$_[0]") };
    ok defined $hi, "clip.$name: bounds are told" or next;
    is_bound("clip.$name", $lo, $hi, $make);
    is planned($make->($default)), planned(clip($number{$name})), "clip.$name: $default is the default";
    isnt planned($make->(0.5)), planned(clip($number{$name})), "clip.$name: and something else is not";
}

my %any = (speed => 2, crop => '{}', fit => '"fill"', radius => 9, effects => '[]');
for my $name (sort keys %any) {
    my ($of) = $fields{"clip.$name"}[1] =~ /Of ([a-z, ]+)$/;
    ok $of, "clip.$name: it is told whose it is" or next;
    for my $type (@types) {
        my $said = planned(clip($type, "\"$name\":$any{$name}"));
        ($of =~ /\b$type\b/ ? \&unlike : \&like)->($said, qr{/$name: has no meaning for a clip of type "$type"}, "clip.$name: $of; $type");
    }
}
for my $name (grep { /^clip\./ } keys %fields) {
    ok exists $schema->{clip}{properties}{ substr $name, 5 }, "$name is a field of the schema";
}
is_deeply [sort map { /^clip\.(\w+)$/ ? $1 : () } keys %fields], [sort grep { !/^(?:type|id|title|metadata|asset)$/ } keys %{ $schema->{clip}{properties} }],
    'all fields of a clip stand in the table';
is_deeply [sort map { /^asset\.(\w+)$/ ? $1 : () } keys %fields], [sort keys %{ $schema->{asset}{properties} }], 'and all of an asset';

is_deeply [sort grep { !/"/ } words($fields{'clip.fit'}[1])], [parser_words(clip('image', '"fit":"?"'))], 'the words of fit';
is planned(clip('image', '"crop":{"x":5}')), planned(clip('image', '"crop":{"x":5,"y":0,"width":"100%","height":"100%"}')), 'the defaults of crop';
my ($effects_max) = $fields{'clip.effects'}[1] =~ /at most (\d+)/;
my @effect = map { '"effects":[' . join(',', ('{"type":"sepia"}') x $_) . ']' } $effects_max, $effects_max + 1;
unlike planned(clip('image', $effect[0])), qr/may hold/, "$effects_max effects";
like planned(clip('image', $effect[1])), qr/may hold at most $effects_max/, 'and no more';

# half as fast lasts twice as long, and in-points are times of the source
for ([2, 1.5], [0.5, 6]) {
    my ($speed, $length) = @$_;
    is planned(clip('video', "\"speed\":$speed,\"in_point\":1")), planned(clip('video', "\"speed\":$speed,\"in_point\":1,\"duration\":$length")),
        "3 s at speed $speed are $length s";
}

# shapes
my $of_shape = sub { return "{\"asset\":{\"type\":\"shape\",\"shape\":\"star\"" . join('', map {",$_"} @_) . '}}' };
is_deeply [sort(words($fields{'asset.shape'}[1]))], [parser_words('{"asset":{"type":"shape","shape":"?"}}')], 'the shapes';
my ($least, $most) = $fields{'asset.points'}[1] =~ /(\d+) to (\d+)/;
is_deeply [map { planned($of_shape->("\"points\":$_")) =~ /must be/ ? 0 : 1 } $least - 1, $least, $most, $most + 1], [0, 1, 1, 0], 'the points of a star';
my ($thin, $thick) = $fields{'asset.stroke'}[1] =~ /(\d+) to (\d+)/;
is_bound('the width of a stroke', $thin, $thick, sub { $of_shape->("\"stroke\":{\"width\":$_[0]}") });
my ($stroke_color, $stroke_width) = $fields{'asset.stroke'}[2] =~ /^none; `(#\w+)`, (\d+)$/;
is planned($of_shape->('"stroke":{}')), planned($of_shape->("\"stroke\":{\"color\":\"$stroke_color\",\"width\":$stroke_width}")), 'a stroke by default';
is planned($of_shape->()), planned($of_shape->('"stroke":{"width":0}', '"fill":"' . (words($fields{'asset.fill'}[2]))[0] . '"',
    "\"points\":$fields{'asset.points'}[2]")), 'and a star by default has none';
is planned(clip('shape')), planned(clip('shape', '"duration":5')), 'a shape lasts 5 s by default';

# drawings
my $of_svg = sub { return "{\"asset\":{\"type\":\"svg\",\"svg\":\"<svg xmlns='http://www.w3.org/2000/svg'>" . ' ' x ($_[0] - 46) . '</svg>"}}' };
my ($bytes) = $fields{'asset.svg'}[1] =~ /at most (\d+) bytes/;
unlike planned($of_svg->($bytes)), qr/:/, "an svg of $bytes bytes";
like planned($of_svg->($bytes + 1)), qr{/asset/svg: must not be longer than $bytes bytes}, 'and of no more';
is planned(clip('svg')), planned(clip('svg', '"duration":5')), 'an svg lasts 5 s by default';
my $of_wave = sub { return '{"asset":{"type":"waveform","src":"music.wav"' . join('', map {",$_"} @_) . '}}' };
is_deeply [sort(words($fields{'asset.style'}[1]))], [parser_words($of_wave->('"style":"?"'))], 'the styles of waveforms';
my ($few, $many) = $fields{'asset.bars'}[1] =~ /(\d+) to (\d+)/;
is_deeply [map { planned($of_wave->("\"bars\":$_")) =~ /must be/ ? 0 : 1 } $few - 1, $few, $many, $many + 1], [0, 1, 1, 0], 'the bars of a waveform';
is_bound('the window of a waveform', $fields{'asset.window'}[1] =~ /([\d.]+) to (\d+)/, sub { $of_wave->("\"window\":$_[0]") });
is planned($of_wave->()), planned($of_wave->("\"style\":\"bars\",\"bars\":$fields{'asset.bars'}[2],\"window\":$fields{'asset.window'}[2]",
    '"color":"' . (words($fields{'asset.color'}[2]))[0] . '","background":"#00000000"')), 'a waveform by default';

# effects
my %told;
for (table('effect')) {
    my ($effect, $parameter, $value, $default) = @$_;
    my ($type, $name) = ((words($effect))[0], (words($parameter))[0]);
    my $needs = $type eq 'lut' ? ',"src":"table.cube"' : '';
    my $make = sub { return clip('image', "\"effects\":[{\"type\":\"$type\"$needs" . join('', map {",\"$name\":$_"} @_) . '}]') };
    $told{$type} //= {};
    unlike planned($make->()), qr/:/, "$type needs nothing";
    next if !defined $name;

    $told{$type}{$name} = 1;
    if ($default eq 'required') {
        like planned(clip('image', "\"effects\":[{\"type\":\"$type\"}]")), qr{/effects/0: a $type needs a "$name"}, "$type: it needs $name";
        next;
    }
    my ($given) = map { /^`(.*)`$/ ? "\"$1\"" : $_ } $default;
    is planned($make->($given)), planned($make->()), "$type: $default is the default of $name";
    if ($value =~ /^(\S+) to (\S+)$/) {
        my ($lo, $hi) = ($1, $2);
        is_bound("$type: $name", $lo, $hi, $make);
        isnt planned($make->($given == $hi ? $lo : $hi)), planned($make->()), "$type: $name matters";
    } elsif ($value ne '`#rrggbb`') {
        is_deeply [sort(words($value))], [parser_words($make->('"?"'))], "$type: the words of $name";
    }
}
is_deeply [sort keys %told], [parser_words(clip('image', '"effects":[{"type":"?"}]'))], 'all effects of the parser are told';
is_deeply \%told, { map { my %p = %{ $_->{properties} }; my $t = delete $p{type}; $t->{const} => { map { $_ => 1 } keys %p } }
    @{ $schema->{effect}{oneOf} } }, 'with the parameters of the schema';

# keyframes
my %value = (position => '{"x":1}', offset => '{"x":1}', crop => '{"width":"50%"}', width => '"50%"', height => 90);
my %moves;
for (table('what moves')) {
    my ($names, undef, $of) = @$_;
    for my $name (words($names)) {
        $moves{$name} = 1;
        for my $type (@types) {
            my $has = $of =~ /\b$type\b/ || ($of eq 'all that is seen' && $type !~ /^(?:audio|caption)$/);
            my $said = planned(clip($type, "\"keyframes\":{\"$name\":[{\"time\":0,\"value\":" . ($value{$name} // 0.5) . '}]}'));
            ($has ? \&unlike : \&like)->($said, qr{/keyframes(?:/$name)?: }, "a $name that moves: $of; $type");
        }
    }
}
is_deeply \%moves, { map { $_ => 1 } keys %{ $schema->{keyframes}{properties} } }, 'all that moves is told';

sub key { my ($time, $value, $easing) = @_; return "{\"time\":$time,\"value\":$value" . ($easing ? ",\"easing\":$easing" : '') . '}' }
sub moving { return clip('image', '"duration":3,"keyframes":{"rotate":[' . join(',', @_) . ']}') }

my %of_key = map { (words($_->[0]))[0] => $_ } table('of a key');
my @easings = grep { !/^\[/ } words($of_key{easing}[1]);
my ($linear) = words($of_key{easing}[2]);
my %css = (linear => '[0,0,1,1]', ease => '[0.25,0.1,0.25,1]', 'ease-in' => '[0.42,0,1,1]', 'ease-out' => '[0,0,0.58,1]', 'ease-in-out' => '[0.42,0,0.58,1]');
is_deeply [sort @easings], [parser_words(moving(key(0, 0), key(1, 9, '"?"')))], 'the words of easing';
is planned(moving(key(0, 0), key(1, 9))), planned(moving(key(0, 0), key(1, 9, "\"$linear\""))), "$linear by default";
for my $word (grep { $_ ne $linear } @easings) {
    my $way = planned(moving(key(0, 0), key(1, 9, "\"$word\"")));
    isnt $way, planned(moving(key(0, 0), key(1, 9))), "$word is another way";
    is $way, planned(moving(key(0, 0), key(1, 9, $css{$word}))), "$word is that of CSS" if $css{$word};
}
is planned(moving(key(0, 0, '"step"'), key(1, 9))), planned(moving(key(0, 0), key(1, 9))), 'to the first key there is no way';
my ($x_lo, $x_hi, $y_lo, $y_hi) = $of_key{easing}[1] =~ /x (\S+) to (\S+), y (\S+) to ([-\d]+)/;
is_bound('x of a curve', $x_lo, $x_hi, sub { moving(key(0, 0), key(1, 9, "[$_[0],0,1,1]")) });
is_bound('y of a curve', $y_lo, $y_hi, sub { moving(key(0, 0), key(1, 9, "[0,0,1,$_[0]]")) });

is planned(moving(key(0, 0), key('"end"', 9))), planned(moving(key('"0f"', 0), key(3, 9))), 'times in frames, and the end';
is planned(clip('color', '"duration":1'), moving(key(0, 0), key('"end"', 9))), planned(clip('color', '"duration":1'), moving(key(0, 0), key(3, 9))),
    'count from the start of the clip';
like planned(moving(key(1, 0), key(1, 9))), qr{keyframes/rotate/1/time: must be at least a frame behind}, 'and go on';
my ($keys_least, $keys_most) = section('Keyframes') =~ /(\d+) to (\d+) keys/;
like planned(moving()), qr/at least one/, 'there is one key' if $keys_least == 1;
unlike planned(moving(map { key("\"${_}f\"", 0) } 1 .. $keys_most)), qr/:/, "and up to $keys_most";
like planned(moving(map { key("\"${_}f\"", 0) } 0 .. $keys_most)), qr/at most $keys_most/, 'but no more';

# transitions
my ($known, $lacking) = section('Transitions') =~ /\n\n((?:`[^\n]*\n)+)\n.*?\n\n((?:`[^\n]*\n)+)/s;
my @transitions = words($known);
is_deeply [sort @transitions], [sort @{ $schema->{transition}{properties}{transition_type}{enum} }], 'the transitions are those of the schema';
my ($of_parser) = slurp("$top/common/rn_doc_clip.c") =~ /^read_transition_type\(.*?rn_word words\[\] = \{(.*?)NULL/ms;
is_deeply [sort @transitions], [sort $of_parser =~ /"(\w+)"/g], 'and of the parser';

my $seconds = clip('color', '"duration":2');
my %said = map { $_ => planned($seconds, "{\"type\":\"transition\",\"transition_type\":\"$_\"}", $seconds) } @transitions;
my @missing = sort grep { $said{$_} =~ /not known to the FFmpeg of this machine/ } @transitions;
is_deeply [grep { $said{$_} =~ /:/ && $said{$_} !~ /not known to the FFmpeg/ } @transitions], [], 'all are taken';
is_deeply \@missing, @missing ? [sort(words($lacking))] : [], 'save those that an older FFmpeg does not have';
is planned($seconds, '{"type":"transition","transition_type":"cut"}', $seconds), planned($seconds, $seconds), 'a cut is none at all';

# settings of fetching
my ($fetching) = slurp("$top/docs/operating.md") =~ /\n## Sources on other hosts\n(.*?)\n## /s;
is_deeply [sort $fetching =~ /^\| `(RENDER_FETCH\w*)` \|/mg], [sort keys %{ { map { $_ => 1 } slurp("$top/worker/rw_fetch.c") =~ /"(RENDER_FETCH(?:_[A-Z]+)?)"/g } }],
    'operating.md has each setting of fetching';

# its examples are planned as they stand
for my $example ($doc =~ /```json\n(.*?)```/sg) {
    spew("$dir/example.json", $example);
    my ($first) = $example =~ /(\{"asset".*)/;
    is system("$build/render plan $dir/example.json >$dir/log 2>&1"), 0, "an example: $first" or diag slurp("$dir/log");
}

for my $sample (glob "$top/conf/sample/*.json") {
    ok eval { decode_json(slurp($sample)) }, "$sample is JSON";
}

# the blocks of all documents

my %schema = (
    'composition.schema.json' => 'a composition',
    'event.schema.json'       => 'an event',
);
my @blocks;

for my $file ("$top/README.md", glob "$top/docs/*.md") {
    my $text = slurp($file);
    while ($text =~ /((?:^<!--[^\n]*-->\n)*)^```(\w+)\n(.*?)^```$/msg) {
        my ($said, $kind, $block) = ($1, $2, $3);
        my $line = 1 + (substr($text, 0, $-[3]) =~ tr/\n//);
        push @blocks, { name => basename($file) . ":$line", kind => $kind, text => $block,
                        not_run => $said =~ /<!-- not run: (.*?) -->/ ? $1 : undef,
                        schema => $said =~ /<!-- schema: (.*?) -->/ ? $1 : 'composition.schema.json' };
    }
    my @fences = $text =~ /^```/mg;
    is @fences, 2 * grep({ $_->{name} =~ /^\Q${\basename($file)}\E:/ } @blocks), basename($file) . ': every block says what it is';
}

for my $b (grep { $_->{kind} eq 'json' } @blocks) {
    ok $schema{ $b->{schema} }, "$b->{name} names a schema that there is" or next;
    spew("$dir/block.json", "{\"it\": $b->{text}}");
    my ($code, $out, $err) = check_contract('--schema', $b->{schema}, '--documents', "$dir/block.json");
    my $faults = eval { decode_json($out)->{it} };
    is_deeply $faults, [], "$b->{name} is $schema{ $b->{schema} }" or diag explain $faults, $err;
}

# the shell's blocks, as they stand: each alone, with what the documents say that there is

my $s = Render::Test->start(http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $made = $s->req(POST => '/compositions', token => $u->{token}, json => { title => 'Docs', timeline => { width => 320, height => 180,
    tracks => [{ clips => [{ asset => { type => 'color', color => '#abc' }, duration => 1 }] }] } })->{json};
is $s->wait_job($u->{token}, $made->{job_id})->{status}, 'completed', 'a film for the examples';
spew("$dir/film.json", '{"timeline": {"width": 320, "height": 180, "tracks": [{"clips": [{"asset": {"type": "color", "color": "#123"}, "duration": 1}]}]}}');

my $head = join q(), map { "$_->[0]='$_->[1]'\n" } ['U', $s->url], ['T', $u->{token}],
    ['A', $s->upload($u->{token}, $clip)->{id}], ['C', $made->{composition_id}], ['J', $made->{job_id}];

SKIP: {
    skip 'jq is not installed', 1 if system('command -v jq >/dev/null');

    for my $b (grep { $_->{kind} eq 'sh' } @blocks) {
        if (defined $b->{not_run}) {
            cmp_ok length $b->{not_run}, '>', 10, "$b->{name} is not run: $b->{not_run}";
            next;
        }
        my $lines = $b->{text} =~ s{http://127\.0\.0\.1:8080}{$s->url}er;

        # what a person does with eyes: wait until the job is completed
        $lines =~ s{^(curl .*/jobs/\$J)(\s+#.*)?$}{until $1 | grep -q '"completed"'; do read -rt 0.2 <> <(:) || :; done}m
            if $b->{name} =~ /^README/;
        spew("$dir/lines.sh", "set -eu -o pipefail\ncd $dir\ncurl() { command curl --fail-with-body \"\$@\"; }\n$head$lines");
        is system("timeout 60 bash $dir/lines.sh >$dir/out 2>&1"), 0, "$b->{name} runs" or diag slurp("$dir/out");

        if ($b->{name} =~ /^README/ && $lines =~ /film\.mp4/) {
            my $duration = `ffprobe -v error -show_entries format=duration -of csv=p=0 $dir/film.mp4`;
            cmp_ok abs($duration - 5.5), '<', 0.05, 'and the film of README.md lasts 2 + 4 - 0.5 s';
        }
    }
}

$s->stop;
done_testing;
