# What the documents and the examples in conf/ say is true: the README's lines
# run, its nginx.conf and conf/nginx-render.conf pass nginx -t, every route stands
# in docs/api.md, and the documents render.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
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
nginx_t('conf/nginx-render.conf', "http {\n" . slurp("$top/conf/nginx-render.conf") . "}\n");

# routes; directives are in t/directives.t

my $api = slurp("$top/docs/api.md");
my @routes = slurp("$top/ngx_module/ngx_http_render_route.c") =~ /PATH\("([^"]+)"\), NGX/g;
cmp_ok scalar @routes, '>', 15, 'routes are found';

for my $route (@routes) {
    my $path = $route =~ s{/\{name\}}{/final}r =~ s{\{link\.\.\.\}}{…}r;
    like $api, qr/\Q$path\E/, "docs/api.md names $route";
}

# defaults that the table of docs/composition.md claims

my $doc = slurp("$top/docs/composition.md");
my ($film) = $doc =~ /```json\n(.*?)```/s;
ok eval { decode_json($film) }, 'the example of docs/composition.md is JSON';

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

for my $sample (glob "$top/conf/sample/*.json") {
    ok eval { decode_json(slurp($sample)) }, "$sample is JSON";
}

# the README's lines, as they stand

my $s = Render::Test->start(http_conf => 'render_bcrypt_cost 5;');
my ($lines) = $readme =~ /```sh\n(U=.*?)```/s;
ok $lines, 'the lines are found';
$lines =~ s{http://127\.0\.0\.1:8080}{$s->url}e;

# what a person does with eyes: wait until the job is completed
$lines =~ s{^(curl .*/jobs/\$J)(\s+#.*)?$}{until $1 | grep -q '"completed"'; do read -rt 0.2 <> <(:) || :; done}m;
spew("$dir/lines.sh", "set -eu\ncd $dir\n$lines");

SKIP: {
    skip 'jq is not installed', 2 if system('command -v jq >/dev/null');
    is system("timeout 60 bash $dir/lines.sh >$dir/out 2>&1"), 0, 'the lines of README.md run' or diag slurp("$dir/out");
    my $duration = `ffprobe -v error -show_entries format=duration -of csv=p=0 $dir/film.mp4`;
    cmp_ok abs($duration - 5.5), '<', 0.05, 'and the film lasts 2 + 4 - 0.5 s';
}

$s->stop;
done_testing;
