// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery;

/// <summary>Log event ids of this project: 6000 to 4099. Never reused.</summary>
internal static class EventIds
{
    public const int RunStarted = 6000;
    public const int RunFinished = 6001;
    public const int StepFailed = 6002;
    public const int StepRetried = 6003;
    public const int UndoFailed = 6004;
    public const int RunResumed = 6005;
    public const int RunApproved = 6006;
    public const int EvacuationStarted = 6010;
    public const int EvacuationEnded = 6011;
    public const int EvacuationRefused = 6012;
}
