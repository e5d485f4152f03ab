// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection;

/// <summary>
/// Machine-readable reasons: of a group's state, of a refused request, of a failed step. One list for API, CLI (each
/// has
/// its own exit code), logs and reports. The wire form is kebab-case. Numbers are the CLI's exit codes and never
/// change.
/// </summary>
public enum ReasonCode
{
    None = 0,
    Unexpected = 1,
    Usage = 2,
    InvalidRequest = 3,
    Conflict = 4,
    NotAllowed = 5,
    Timeout = 6,
    ControllerUnreachable = 9,
    PairingTokenRefused = 10,
    CertificateRefused = 11,
    SiteUnknown = 12,
    PeerUnreachable = 13,
    GroupUnknown = 20,
    GroupExists = 21,
    PointUnknown = 22,
    PointExpired = 23,
    NoRecoveryPoint = 24,
    InstanceUnknown = 25,
    InstanceExists = 26,
    VolumeUnknown = 27,
    RunUnknown = 28,
    RunInProgress = 29,
    RunFailed = 30,
    WrongSite = 31,
    WrongState = 32,
    MonitorUnreachable = 40,
    GuestAgentUnreachable = 41,
    QuiesceFailed = 42,
    TargetTooSmall = 43,
    TargetFull = 44,
    SourceFull = 45,
    StaleEpoch = 46,
    AgentUnreachable = 47,
    LinkDown = 48,
    OutboxFull = 49,
    CaptureLost = 50,
    CaptureHung = 51,
    JournalCorrupt = 52,
    InitialSync = 53,
    Resync = 54,
    VerificationFailed = 55,
    SuspendedByOperator = 56,
    PrimaryMoved = 57,
    ProofFailed = 58,
    BootFileMissing = 59,
    NetworkUnknown = 60,
    ReplicaDamaged = 70,
    OutboxLogFull = 74,
    OutboxLogFailed = 75,
    KeyUnavailable = 78,
    Diverged = 80,
}
