package Render::Bench::Film;

# What the parts of `make bench` that make films share: sources that are made when a row first
# wants them, documents, whole processes held side by side, the table, and the plan of each
# scenario. What takes half a minute is run once. Nothing fails: a row has our figure, the other
# one, their ratio, the limit that was set for it, and a word where that is not met.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Temp qw(tempdir);
use JSON::PP ();

our @EXPORT = qw(folder build rounds source need document script heading scenario row figure
    compose took called note planned finish median);

my $build  = abs_path($ENV{RENDER_BUILD} // 'build');
my $rounds = $ENV{BENCH_ROUNDS} || 5;
my $slow   = 25;                        # seconds of a command beside ours that is run only once
my $only   = $ENV{BENCH_ONLY};
my $kept   = $ENV{BENCH_FOLDER};        # else sources are made anew, and go
my $dir    = defined $kept ? abs_path($kept) : tempdir('render-bench-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $json   = JSON::PP->new->utf8->canonical;

my %source;             # name => how it is made
my ($scenario, $begun); # of the rows that come; whether its title stands there
my @plans;              # [title, lines], for the end
my @notes;              # below the next row

$SIG{$_} = sub { exit 130 } for qw(INT TERM HUP);

sub folder { $dir }
sub build  { $build }
sub rounds { $rounds }

sub median {
    my @v = sort { $a <=> $b } grep {defined} @_;
    return @v ? $v[$#v / 2] : undef;
}

# ---------------------------------------------------------------- what is rendered

# source($name => command or sub): how to make a file of the folder, in which it is run
sub source {
    my (%new) = @_;
    @source{ keys %new } = values %new;
}

# Makes those that are not there yet.
sub need {
    for my $name (@_) {
        next if -e "$dir/$name";
        my $how = $source{$name} or die "no source is called $name\n";
        if (ref $how) { $how->() }
        else          { system("cd $dir && $how") == 0 or die "$name: $how\n" }
        die "$name was not made\n" unless -e "$dir/$name";
    }
}

# A document of that name; its path
sub document {
    my ($name, $d) = @_;
    return script("$name.json", $json->encode($d));
}

# A file with that text; its path
sub script {
    my ($name, $text) = @_;
    open my $out, '>', "$dir/$name" or die "$dir/$name: $!";
    print {$out} $text;
    close $out or die "$dir/$name: $!";
    return "$dir/$name";
}

# compose($document, options...): the command that renders it to o.mp4
sub compose {
    my ($name, @options) = @_;
    return join ' ', "$build/render", 'compose', @options, "$dir/$name.json", '-o', "$dir/o.mp4";
}

# A command in the folder: { wall, cpu, largest (MiB), with '-m' together (MiB), its errors }
sub took {
    my ($command, @options) = @_;
    my $pid = open my $out, '-|';
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        chdir $dir or die "$dir: $!";
        open STDERR, '>', "$dir/errors" or die $!;
        exec "$build/bench/measure", @options, 'sh', '-c', $command or exit 127;
    }
    my %said = map { /\A(\w+) (\S+)/ ? ($1 => $2) : () } <$out>;
    close $out or die "$command\n" . `tail -n 20 $dir/errors`;
    return \%said;
}

# called(arguments): the same of one call of the engine, as build/bench/calls says it
sub called {
    my ($arguments) = @_;
    my %said = map { /\A(\w+) (\S+)/ ? ($1 => $2) : () } `cd $dir && $build/bench/calls $arguments 2>$dir/errors`;
    die "calls $arguments\n" . `cat $dir/errors` if $?;
    return \%said;
}

# ---------------------------------------------------------------- the table

my $wide = 58;

# heading($part): the machine, and who takes part
sub heading {
    my ($part) = @_;
    my $info = `cat /proc/cpuinfo`;
    my ($cpu)    = $info =~ /model name\s*:\s*(.*)/;
    my ($load)   = `cat /proc/loadavg` =~ /^(\S+)/;
    my ($ffmpeg) = `ffmpeg -version` =~ /version (\S+)/;
    my ($melt)   = `melt --version 2>&1` =~ /melt (\S+)/;
    $| = 1;
    printf "%s: %s, %d cores, load %s; ffmpeg %s, melt %s; rounds: %d\n\n", $part, $cpu // 'unknown processor',
        scalar(() = $info =~ /^processor/mg), $load, $ffmpeg // '?', $melt // 'none', $rounds;
    printf "%-${wide}s %8s %8s %6s %-13s %8s %8s %6s %-13s %s\n", '', 'CPU s', 'other', 'ratio', 'limit',
        'wall s', 'other', 'ratio', 'limit', 'MiB, other';
}

# scenario($title, needs => [sources], plan => [[document, options...]...]): what the rows that come are of
sub scenario {
    my ($title, %opt) = @_;
    ($scenario, $begun) = ({ title => $title, %opt }, 0);
}

sub _wanted {
    my ($what) = @_;
    return 0 if defined $only && "$scenario->{title} $what" !~ /$only/i;
    print "$scenario->{title}\n" unless $begun;
    return 1 if $begun++;
    need(@{ $scenario->{needs} || [] });
    push @plans, [ $scenario->{title}, map { _plan(@$_) } @{ $scenario->{plan} } ] if $scenario->{plan};
    return 1;
}

sub _ratio {
    my ($ours, $other, $limit) = @_;
    my $ratio = median(map { $ours->[$_] / $other->[$_] } 0 .. $#$ours);
    return sprintf('%8s %8s %6.3f %-13s', (map { _short(median(@$_)) } $ours, $other), $ratio, _verdict($ratio, $limit));
}

sub _short { return $_[0] < 0.1 ? sprintf('%.4f', $_[0]) : $_[0] < 100 ? sprintf('%.2f', $_[0]) : sprintf('%.0f', $_[0]) }

sub _verdict {
    my ($value, $limit) = @_;
    return defined $limit ? "<= $limit " . ($value <= $limit ? 'met' : 'NOT MET') : '';
}

# The other side of a row as it was taken before, where that took so long that each round of each row
# would be an hour of nothing but it.
my %slow;

sub _other {
    my ($o) = @_;
    my $how = $o->{other};
    return $slow{$how} if $slow{$how};
    my $took = ref $how ? $how->() : took($how);
    $slow{$how} = $took if !ref $how && $took->{wall} > $slow;
    return $took;
}

# row($what, ours => command or sub, other => the same, cpu => limit, wall => limit of the ratio, before =>
# sub, run before each of ours, memory => limit in MiB of ours): a command beside another one, in
# turns; true, unless it was not wanted
sub row {
    my ($what, %o) = @_;
    return unless _wanted($what);
    my (@ours, @other);
    for my $round (1 .. $rounds) {
        for my $side ($round % 2 ? (0, 1) : (1, 0)) {
            push @other, _other(\%o) if $side;
            next if $side;
            $o{before}->() if $o{before};
            push @ours, ref $o{ours} ? $o{ours}->() : took($o{ours});
        }
    }
    my $all = sub { my ($name, $list) = @_; [ map { $_->{$name} } @$list ] };
    my @mib = map { median(map { $_->{largest} } @$_) } \@ours, \@other;
    my $text = sprintf "%-${wide}s %s %s %s", "  $what", _ratio($all->(cpu => \@ours), $all->(cpu => \@other), $o{cpu}),
        _ratio($all->(wall => \@ours), $all->(wall => \@other), $o{wall}),
        defined $mib[0] ? sprintf('%4.0f %4.0f %s', @mib, _verdict($mib[0], $o{memory})) : '';
    $text =~ s/\s+\z//;
    print "$text\n";
    return 1;
}

# figure($what, $unit, $limit, sub { our figure }, sub { the other one }, $of): figures of any kind, of which
# with $of 'ratio' the ratio has the limit, else ours itself
sub figure {
    my ($what, $unit, $limit, $ours, $other, $of) = @_;
    return unless _wanted($what);
    my (@ours, @other, @ratios);
    for my $round (1 .. $rounds) {
        push @ours, $ours->();
        next unless $other;
        push @other, $other->();
        push @ratios, $ours[-1] / $other[-1];
    }
    my $shown = sub { my $m = median(@_); defined $m ? sprintf('%.*f', $m < 10 ? 2 : 0, $m) : '-' };
    my $judged = ($of // '') eq 'ratio' ? median(@ratios) : median(@ours);
    my $text = sprintf "%-${wide}s %8s %8s %6s %s%s", "  $what", $shown->(@ours), $shown->(@other),
        @ratios ? sprintf('%.3f', median(@ratios)) : '-', "$unit  ", _verdict($judged, $limit);
    $text =~ s/\s+\z//;
    print "$text\n";
}

sub note { print "      $_[0]\n" }

# ---------------------------------------------------------------- plans

# Lines that tell a document's plan: how many pieces are made how, and why so
sub _plan {
    my ($name, @options) = @_;
    my @of = grep { !/\A--jobs/ } @options;
    my $text = `cd $dir && $build/render plan @of $dir/$name.json 2>$dir/errors`;
    return "$name: " . `tail -n 1 $dir/errors` if $?;
    my $plan = $json->decode($text);
    return planned($name, map { my $list = $_; map { {
        mode => $list eq 'sound' && ($_->{mode} // '') ne 'reuse' ? 'sound' : $_->{mode},
        why  => $_->{why} // 'not coded before',
        frames => $list eq 'sound' ? 0 : $_->{frames},
    } } @{ $plan->{$list} || [] } } qw(segments sound));
}

# planned($name, { mode, why, frames }...): the same of pieces that are known
sub planned {
    my ($name, @pieces) = @_;
    my (%n, %frames);
    for my $p (@pieces) {
        my $line = sprintf '%-7s %%4d%%s  %s', $p->{mode}, $p->{why};
        $n{$line}++;
        $frames{$line} += $p->{frames};
    }
    return map { sprintf "%-12s $_", $name, $n{$_}, $frames{$_} ? sprintf(' (%d frames)', $frames{$_}) : '' } sort keys %n;
}

# The second table, of all scenarios that had a row
sub finish {
    my @more = @_;
    print "\nplan of each scenario\n";
    for my $p (@plans, @more) {
        my ($title, @lines) = @$p;
        print "$title\n", map {"    $_\n"} @lines;
    }
}

1;
