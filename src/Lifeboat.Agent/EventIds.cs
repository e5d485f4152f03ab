// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Agent;

/// <summary>Numbers of the agent's log events; never used twice.</summary>
internal static class EventIds
{
    public const int TapAttached = 4000;
    public const int TapUninstalled = 4001;
    public const int TapEnded = 4002;
    public const int LinkRefused = 4010;
    public const int LinkEnded = 4011;
    public const int LinkAcceptFailed = 4012;
    public const int LinkTooMany = 4013;
    public const int AgentKilled = 4020;
    public const int DeadManThawed = 4021;
    public const int DeadManGone = 4022;
    public const int DeadManFailed = 4023;
    public const int ProcessStarted = 4024;
    public const int ProcessAdopted = 4025;
    public const int ProcessEnded = 4026;
}
