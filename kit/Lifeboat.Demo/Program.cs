// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Demo;

var keep = new Option<bool>("--keep") { Description = "Leave both sites running and print what to try next" };
var directory = new Option<string>("--dir")
{
    Description = "Where the sites live (made anew; keep it short, it holds sockets)",
    DefaultValueFactory = _ => "/tmp/lifeboat-demo",
};
var command = new RootCommand("Shows the main job of Lifeboat on this machine") { keep, directory };
command.SetAction((parsed, ct) =>
    Story.TellAsync(new StoryOptions(parsed.GetRequiredValue(directory), parsed.GetValue(keep)), ct));
return await command.Parse(args).InvokeAsync(new InvocationConfiguration(), CancellationToken.None);
