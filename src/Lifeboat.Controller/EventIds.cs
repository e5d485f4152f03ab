// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Controller;

/// <summary>Log event ids of this project: 5000 to 5099. Never reused.</summary>
internal static class EventIds
{
    public const int ControllerStarted = 5000;
    public const int RequestFailed = 5001;
    public const int PeerSeen = 5002;
    public const int PeerLost = 5003;
    public const int GroupLearned = 5004;
    public const int SpecRefused = 5005;
    public const int ReconcileFailed = 5006;
    public const int RunCrashed = 5007;
    public const int ReportWritten = 5008;
    public const int SitePaired = 5009;
    public const int PairingRefused = 5010;
    public const int Fenced = 5011;
    public const int PolicyLearned = 5015;
    public const int GroupRescued = 5013;
    public const int NotRecorded = 5014;
    public const int SharedPointNotCut = 5020;
    public const int SharedRoundFailed = 5021;
    public const int RunRoundFailed = 5022;
    public const int LeaseGained = 5040;
    public const int LeaseLost = 5041;
    public const int DatabaseAway = 5042;
    public const int RunsWait = 5043;
    public const int Requested = 5046;
    public const int KeyNotTouched = 5047;
    public const int EventNotTold = 5048;
    public const int OperationFailed = 5049;
    public const int OperationNotEnded = 5044;
    public const int OperationNotTouched = 5045;
    public const int CertificatesRotated = 5050;
    public const int PeerNotTold = 5051;
    public const int Diverged = 5030;
    public const int DiskUnprotected = 5070;
    public const int VolumeAdded = 5071;
    public const int VolumeLeft = 5072;
    public const int SourceNotHandedOver = 5060;
    public const int SourceNotGiven = 5061;
    public const int SourceMoved = 5062;
    public const int StraySource = 5063;
    public const int FollowUpNoted = 5080;
    public const int EvacuationRoundFailed = 5085;
    public const int EvacuationNotTold = 5086;
    public const int LookFailed = 5090;
    public const int AlertRaised = 5091;
    public const int AlertClosed = 5092;
    public const int AlertNotDelivered = 5093;
    public const int AlertGivenUp = 5094;
    public const int DeliveryRoundFailed = 5095;
    public const int DrillStarted = 5096;
    public const int DrillSkipped = 5097;
    public const int ScheduleRoundFailed = 5098;
    public const int RecordsPruned = 5052;
    public const int PruningFailed = 5053;
    public const int SignInRefused = 5083;
    public const int TokenRefused = 5081;
    public const int AuditKeyLost = 5082;
    public const int NamesLed = 5088;
    public const int NamesRoundFailed = 5089;
    public const int StandingRoundFailed = 5100;
    public const int StandingLookFailed = 5101;
    public const int StandingRemoved = 5102;
    public const int StandingNotRemoved = 5103;
}
