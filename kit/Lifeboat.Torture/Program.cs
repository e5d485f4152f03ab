// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Torture;

var minutes = new Option<double>("--minutes")
{
    Description = "How long storms go on; setting up and the last calm come on top",
    DefaultValueFactory = _ => 10,
};
var seed = new Option<ulong>("--seed") { Description = "Decides the strikes", DefaultValueFactory = _ => 1 };
var scenario = new Option<Scenario>("--scenario")
{
    Description = "storm: everything at once; link: the line alone; controllers: kill -9 of controllers in the "
        + "middle of runs; upgrade: sites of another release are taken over by this one; smoke: a little of storm and "
        + "link within a minute",
    DefaultValueFactory = _ => Scenario.Storm,
};
var directory = new Option<string>("--dir")
{
    Description = "Where all of it lives (made anew; keep it short, it holds sockets)",
    DefaultValueFactory = _ => "/tmp/lifeboat-torture",
};
var kills = new Option<int>("--kills")
{
    Description = "Scenario controllers: it ends after so many",
    DefaultValueFactory = _ => 50,
};
var keepGoing = new Option<bool>("--keep-going") { Description = "Go on after a failed proof" };
var release = new Option<string?>("--release")
{
    Description = "Scenario upgrade: lifeboat.dll of the release that is upgraded from",
};
var postgres = new Option<bool>("--postgres") { Description = "Scenario upgrade: site b over PostgreSQL" };
var command = new RootCommand("Kills, hangs, cuts and fills everything under a writing guest, and proves what remains")
{
    minutes, seed, scenario, directory, keepGoing, kills, release, postgres,
};
command.SetAction((parsed, ct) => TortureRun.RunAsync(new TortureOptions(parsed.GetRequiredValue(directory),
    TimeSpan.FromMinutes(parsed.GetValue(minutes)), parsed.GetValue(seed), parsed.GetValue(scenario),
    parsed.GetValue(keepGoing), parsed.GetValue(kills), parsed.GetValue(release), parsed.GetValue(postgres)), ct));
return await command.Parse(args).InvokeAsync(new InvocationConfiguration
{
    ProcessTerminationTimeout = TimeSpan.FromMinutes(1),   // Ctrl-C ends what was started
}, CancellationToken.None);
