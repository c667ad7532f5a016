// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// LLVM's Machine Code Analyzer on a loop's text, as the program llvm-mca does it: parse, give each
// instruction what the CPU's scheduling model says of it, and simulate the core for some
// iterations.
#include "compiler/codegen/hot_loop.h"

#include "compiler/codegen/emit.h"
#include "compiler/codegen/llvm_versions.h"

#if LLVM_VERSION_MAJOR == 14
#include <llvm/ADT/SmallVector.h>
#include <llvm/MC/MCAsmInfo.h>
#include <llvm/MC/MCContext.h>
#include <llvm/MC/MCInstrAnalysis.h>
#include <llvm/MC/MCInstrInfo.h>
#include <llvm/MC/MCObjectFileInfo.h>
#include <llvm/MC/MCParser/MCAsmParser.h>
#include <llvm/MC/MCParser/MCTargetAsmParser.h>
#include <llvm/MC/MCRegisterInfo.h>
#include <llvm/MC/MCStreamer.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/MCA/Context.h>
#include <llvm/MCA/CustomBehaviour.h>
#include <llvm/MCA/InstrBuilder.h>
#include <llvm/MCA/Pipeline.h>
#include <llvm/MCA/SourceMgr.h>
#include <llvm/Support/SourceMgr.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace cnnc {
namespace {

// Of this many iterations the first are left out: they fill the pipeline.
constexpr unsigned iterations = 200, first_iterations = 100;

class InstructionCollector : public llvm::MCStreamer {
  public:
    explicit InstructionCollector(llvm::MCContext &context) : MCStreamer(context) {}
    void emitInstruction(const llvm::MCInst &i, const llvm::MCSubtargetInfo &) override {
        instructions.push_back(i);
    }
    bool emitSymbolAttribute(llvm::MCSymbol *, llvm::MCSymbolAttr) override { return true; }
    void emitCommonSymbol(llvm::MCSymbol *, uint64_t, unsigned) override {}
    void emitZerofill(llvm::MCSection *, llvm::MCSymbol *, uint64_t, unsigned,
                      llvm::SMLoc) override {}

    std::vector<llvm::MCInst> instructions;
};

// What describes the CPU and its instructions, and the loop in them. Instructions refer to symbols
// of the context.
struct Parsed {
    std::unique_ptr<llvm::TargetMachine> machine;
    std::unique_ptr<llvm::MCContext> context;
    std::vector<llvm::MCInst> instructions;
    bool fine = false;
};

Parsed parse(const std::string &text, const Target &target) {
    Parsed parsed;
    parsed.machine = make_target_machine(target);
    const llvm::TargetMachine &m = *parsed.machine;
    llvm::SourceMgr sources;
    sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text), llvm::SMLoc());
    sources.setDiagHandler([](const llvm::SMDiagnostic &, void *) {});
    parsed.context =
        std::make_unique<llvm::MCContext>(m.getTargetTriple(), m.getMCAsmInfo(),
                                          m.getMCRegisterInfo(), m.getMCSubtargetInfo(), &sources);
    std::unique_ptr<llvm::MCObjectFileInfo> files(
        m.getTarget().createMCObjectFileInfo(*parsed.context, true));
    parsed.context->setObjectFileInfo(files.get());
    InstructionCollector collector(*parsed.context);
    std::unique_ptr<llvm::MCAsmParser> parser(
        llvm::createMCAsmParser(sources, *parsed.context, collector, *m.getMCAsmInfo()));
    std::unique_ptr<llvm::MCTargetAsmParser> target_parser(m.getTarget().createMCAsmParser(
        *m.getMCSubtargetInfo(), *parser, *m.getMCInstrInfo(), m.Options.MCOptions));
    parser->setTargetParser(*target_parser);
    parsed.fine = !parser->Run(false);
    parsed.instructions = std::move(collector.instructions);
    return parsed;
}

using Sequence = llvm::SmallVector<std::unique_ptr<llvm::mca::Instruction>, 64>;

// Cycles of so many iterations; 0 where the model does not know an instruction.
unsigned simulate(const Parsed &parsed, unsigned count) {
    const llvm::MCSubtargetInfo &cpu = *parsed.machine->getMCSubtargetInfo();
    const llvm::MCRegisterInfo &registers = *parsed.machine->getMCRegisterInfo();
    const llvm::MCInstrInfo &table = *parsed.machine->getMCInstrInfo();
    std::unique_ptr<llvm::MCInstrAnalysis> analysis(
        parsed.machine->getTarget().createMCInstrAnalysis(&table));
    llvm::mca::InstrBuilder builder(cpu, table, registers, analysis.get());
    Sequence sequence;
    for (const llvm::MCInst &i : parsed.instructions) {
        auto instruction = builder.createInstruction(i);
        if (!instruction) {
            llvm::consumeError(instruction.takeError());
            return 0;
        }
        sequence.push_back(std::move(*instruction));
    }
    llvm::mca::SourceMgr source(sequence, count);
    llvm::mca::CustomBehaviour custom(cpu, source, table);
    llvm::mca::Context context(registers, cpu);
    const llvm::mca::PipelineOptions options(0, 0, 0, 0, 0, 0, true); // all: the model's own
    auto pipeline = context.createDefaultPipeline(options, source, custom);
    llvm::Expected<unsigned> cycles = pipeline->run();
    if (!cycles) {
        llvm::consumeError(cycles.takeError());
        return 0;
    }
    return *cycles;
}

// Cycles for which the instructions that `counts` selects hold each of the CPU's ports.
double port_cycles(const Parsed &parsed, const std::vector<bool> &counts) {
    const llvm::MCSubtargetInfo &cpu = *parsed.machine->getMCSubtargetInfo();
    const llvm::MCInstrInfo &table = *parsed.machine->getMCInstrInfo();
    const llvm::MCSchedModel &model = cpu.getSchedModel();
    std::vector<double> held(model.getNumProcResourceKinds(), 0);
    for (size_t k = 0; k < parsed.instructions.size(); ++k) {
        if (!counts[k])
            continue;
        const llvm::MCInst &i = parsed.instructions[k];
        unsigned id = table.get(i.getOpcode()).getSchedClass();
        while (id && model.getSchedClassDesc(id)->isVariant())
            id = cpu.resolveVariantSchedClass(id, &i, &table, model.getProcessorID());
        const llvm::MCSchedClassDesc *known = model.getSchedClassDesc(id);
        for (const auto *use = cpu.getWriteProcResBegin(known);
             use != cpu.getWriteProcResEnd(known); ++use)
            held[use->ProcResourceIdx] +=
                double(use->Cycles) / model.getProcResource(use->ProcResourceIdx)->NumUnits;
    }
    return held.empty() ? 0 : *std::max_element(held.begin(), held.end());
}

// A loop of one multiply-add of the widest vectors.
std::string full_multiply_add(const Target &target) {
    std::string body;
    if (target.arch == Arch::x86) {
        const std::string r = target.has("avx512") ? "%zmm" : target.has("avx") ? "%ymm" : "%xmm";
        const std::string two = r + "1, " + r + "2", three = r + "0, " + two;
        body = target.has("fma")   ? "\tvfmadd231ps\t" + three + "\n"
               : target.has("avx") ? "\tvmulps\t" + three + "\n\tvaddps\t" + three + "\n"
                                   : "\tmulps\t" + two + "\n\taddps\t" + two + "\n";
        return ".L0:\n" + body + "\tjne\t.L0\n";
    }
    if (target.arch == Arch::riscv)
        return ".L0:\n\tfmadd.s\tft0, ft1, ft2, ft0\n\tbnez\ta0, .L0\n";
    body = target.bits == 64 ? "\tfmla\tv0.4s, v1.4s, v2.4s\n" : "\tvmla.f32\tq0, q1, q2\n";
    return ".L0:\n" + body + (target.bits == 64 ? "\tb.ne\t.L0\n" : "\tbne\t.L0\n");
}

} // namespace

LoopBound loop_bound(const HotLoop &loop, const Target &target) {
    LoopBound bound;
    if (!loop.found)
        return bound;
    const Parsed parsed = parse(loop.text, target);
    if (!parsed.fine || parsed.instructions.size() != loop.counts.size() ||
        !parsed.machine->getMCSubtargetInfo()->getSchedModel().hasInstrSchedModel())
        return bound;
    const unsigned first = simulate(parsed, first_iterations), all = simulate(parsed, iterations);
    if (first == 0 || all <= first)
        return bound;
    bound.known = true;
    bound.cycles = double(all - first) / (iterations - first_iterations);
    bound.multiply_add_cycles = port_cycles(parsed, loop.counts);
    return bound;
}

double peak_flops_per_cycle(const Target &target) {
    const HotLoop loop = find_hot_loop(full_multiply_add(target), target);
    const LoopBound bound = loop_bound(loop, target);
    return bound.known ? double(loop.flops) / bound.multiply_add_cycles : 0;
}

} // namespace cnnc
#else
namespace cnnc {

double peak_flops_per_cycle(const Target &) {
    return 0;
}

// The analyzer's interface changes with every release of LLVM.
LoopBound loop_bound(const HotLoop &, const Target &) {
    return {};
}

} // namespace cnnc
#endif
