// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Agent;

/// <summary>Numbers of the agent's log events; never used twice.</summary>
internal static class EventIds
{
    public const int TapAttached = 4000;
    public const int TapUninstalled = 4001;
    public const int TapEnded = 4002;
    public const int TapNotPassed = 4003;
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
    public const int NoQuiescedPoint = 4033;
    public const int SourceFailed = 4034;
    public const int SourcesRestored = 4035;
    public const int SourceRemoved = 4036;
    public const int SharedCutExpired = 4037;
    public const int NoOutboxLog = 4038;
    public const int SealedHeadMended = 4039;
    public const int FoldStalled = 4040;
    public const int ViewRestored = 4041;
    public const int ReplicasRestored = 4042;
    public const int ReplicaRemoved = 4043;
    public const int ReplicaNotOpened = 4044;
    public const int JournalFailed = 4045;
    public const int ReplicaDamaged = 4046;
    public const int ReplicaRepaired = 4047;
    public const int NoMapsFolder = 4048;
    public const int CutLineRefused = 4049;
    public const int InstancesPaused = 4060;
    public const int OverlayFull = 4061;
    public const int OverlayUnwatched = 4062;
    public const int MomentNotCleaned = 4063;
    public const int DeadManContinued = 4064;
    public const int RestNotLooked = 4065;
    public const int PlacesNotNoted = 4066;
    public const int Requested = 4080;
    public const int DeadManThawedBySteps = 4070;
    public const int QuiesceHeld = 4071;
    public const int QuiesceEnded = 4072;
    public const int RequestFailed = 4050;
    public const int AgentStarted = 4051;
    public const int WatchdogRestarted = 4052;
    public const int ImagesLeft = 4058;
    public const int CountersNotKept = 4090;
    public const int GateListening = 4093;
    public const int GateHungUp = 4094;
    public const int GateReleased = 4095;
    public const int GateNotReleased = 4096;
    public const int GateNotCaptured = 4097;
}
