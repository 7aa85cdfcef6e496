# What the documents and the examples in conf/ say is true: every block of shell
# in README.md and docs/*.md runs and every block of JSON is what it claims,
# nginx.conf of README.md, conf/ and its snippets pass nginx -t, every route
# stands in docs/api.md, and the documents render.
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

my $top = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{RENDER_BUILD} // "$top/build";
my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;

sub slurp {
    my ($file) = @_;
    open my $f, '<', $file or die "$file: $!";
    local $/;
    return scalar <$f>;
}

sub spew {
    my ($file, $text) = @_;
    open my $f, '>', $file or die "$file: $!";
    print {$f} $text;
    close $f;
}

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
sub planned {
    my ($clip, @more) = @_;
    my $line = join ',', $clip, @more;
    my $more = $clip =~ /"type":"audio"/ ? ',"kind":"audio"' : '';
    spew("$dir/clip.json", "{\"timeline\":{\"width\":320,\"height\":180,\"tracks\":[{\"clips\":[$line]$more}]}}");
    my $said = `$build/render plan $dir/clip.json 2>&1`;
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
