// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Agent.Processes;

/// <summary>The long-running processes of a site; also their sub-commands.</summary>
public static class SiteRole
{
    public const string Watchdog = "watchdog";
    public const string Controller = "controller";
    public const string Agent = "agent";
}
