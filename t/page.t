# The page for people (conf/html) in a real browser: Debian's Chromium, driven by
# t/page/drive.mjs from sign-up to a playing film, on a phone and a desktop, dark
# and light.  What the server answers for the files themselves is looked at here.
#
#   RENDER_SHOTS=folder       keeps a picture of each view in each context
#   RENDER_SKIP_BROWSER=1     where there can be no browser

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

use Render::Test;
use Render::Test::Node;

plan skip_all => 'RENDER_SKIP_BROWSER is set' if $ENV{RENDER_SKIP_BROWSER};

my $top = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{RENDER_BUILD} // "$top/build";
my $dir = tempdir(CLEANUP => 1);

# the driver and what it needs, by the lock file, outside the source tree

my $folder = driver_folder("$top/t/page", $build, qw(rig.mjs drive.mjs));

# media

my %media = (
    'one.mp4'   => [qw(-f lavfi -i testsrc2=s=320x240:r=30:d=3 -f lavfi -i sine=d=3 -c:v libx264 -pix_fmt yuv420p -c:a aac)],
    'two.mp4'   => [qw(-f lavfi -i mandelbrot=s=320x240:r=30 -t 2 -c:v libx264 -pix_fmt yuv420p)],
    'third.mp4' => [qw(-f lavfi -i smptebars=s=320x240:r=30:d=1 -c:v libx264 -pix_fmt yuv420p)],
    'still.png' => [qw(-f lavfi -i gradients=s=320x240:c0=orange:c1=navy -frames:v 1)],
    'music.wav' => [qw(-f lavfi -i sine=f=330:d=6)],
);
symlink make_media("page-$_", @{ $media{$_} }), "$dir/$_" or die "$_: $!" for keys %media;
open my $notes, '>', "$dir/notes.txt" or die $!;
print {$notes} "milk, bread\n";
close $notes;

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');

# from where films and pictures come, if not from nginx
my $there = $s->s3 ? $ENV{AWS_ENDPOINT_URL_S3} : undef;

# the files as they are served

my $r = $s->req(GET => '/');
is $r->{status}, 302, '/ leads on';
is $r->{headers}{location}, '/app/', 'to the page, without a host';
is $s->req(GET => '/app')->{headers}{location}, '/app/', 'and so does /app';

for my $case ([ '/app/', 200, 'text/html; charset=utf-8' ], [ '/app/page.css', 200, 'text/css; charset=utf-8' ],
              [ '/app/js/main.js', 200, 'text/javascript; charset=utf-8' ], [ '/app/icon.svg', 200, 'image/svg+xml' ],
              [ '/app/nothing', 404 ]) {
    my ($path, $status, $type) = @$case;
    $r = $s->req(GET => $path);
    is $r->{status}, $status, "$path: $status";
    is $r->{headers}{'content-type'}, $type, 'of its type' if $type;
    my $policy = $r->{headers}{'content-security-policy'} // '';
    is_deeply [ sort map s/^\s+|\s+\z//gr, split /;/, $policy ], [ sort "default-src 'none'", "script-src 'self'", "style-src 'self'",
        map({ join ' ', $_, $there // () }
        "img-src 'self' data: blob:", "media-src 'self' blob:", "connect-src 'self'"), "form-action 'self'", "base-uri 'none'",
        "frame-ancestors 'none'" ], 'with the policy';
    is $r->{headers}{'x-content-type-options'}, 'nosniff', 'and no guessing of types';
}

is $s->req(POST => '/app/', body => 'x')->{status}, 403, 'nothing is posted there';
$r = $s->req(GET => '/app/page.css');
is $s->req(GET => '/app/page.css', headers => { 'If-None-Match' => $r->{headers}{etag} })->{status}, 304, 'what is known is not sent again';

# nothing inline, nothing from elsewhere

for my $file (glob "$top/conf/html/index.html $top/conf/html/page.css $top/conf/html/js/*.js") {
    open my $in, '<:encoding(UTF-8)', $file or die "$file: $!";
    my $text = do { local $/; <$in> };
    $text =~ s{http://www\.w3\.org/2000/svg}{};
    unlike $text, qr{https?://|\bstyle=|\bon\w+="|innerHTML|eval\(}, "$file names no host and holds nothing inline";
}

# in the browser

open my $driver, '-|', 'node', "$folder/drive.mjs", $s->url, $dir, $there // () or die "node: $!";
my $last = '';

while (my $line = <$driver>) {
    chomp $line;
    if ($line =~ /\A(ok|not ok) (.*)/) { ok $1 eq 'ok', $2 }
    elsif ($line =~ /\A# (.*)/) { diag $1 }
    $last = $line;
}
close $driver;
is $last, 'done', 'the driver came to its end';

$s->stop;
done_testing;
