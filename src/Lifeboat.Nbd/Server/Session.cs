// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>What a client and we agreed on in the option phase.</summary>
internal sealed record Session(INbdExport Export, bool Structured, IReadOnlyList<MetaContext> Contexts)
{
    public static TransmissionFlags FlagsOf(NbdExportInfo info, bool structured)
    {
        var flags = TransmissionFlags.HasFlags;
        void Offer(bool able, TransmissionFlags flag) => flags |= able ? flag : 0;
        Offer(info.ReadOnly, TransmissionFlags.ReadOnly);
        Offer(info.CanFlush, TransmissionFlags.SendFlush);
        Offer(info.CanFua, TransmissionFlags.SendFua);
        Offer(info.CanTrim && !info.ReadOnly, TransmissionFlags.SendTrim);
        Offer(info.CanZero && !info.ReadOnly, TransmissionFlags.SendWriteZeroes);
        Offer(info.CanZero && info.CanFastZero && !info.ReadOnly, TransmissionFlags.SendFastZero);
        Offer(info.CanMultiConn, TransmissionFlags.CanMultiConn);
        Offer(info.CanCache, TransmissionFlags.SendCache);
        Offer(structured, TransmissionFlags.SendDf);
        return flags;
    }
}
